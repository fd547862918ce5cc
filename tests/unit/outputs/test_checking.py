"""Which changes of an output are noticed, by its size and time or by its bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.sealing import Written, measure

OTHER_BYTES = "its output has other bytes"
OTHER_SIZE = "its output has another size"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "a_ESM.pt"
    path.write_bytes(b"the vectors")
    return path


def changed(path: Path, content: bytes, mtime_ns: int) -> None:
    """Write other content, at a given time."""
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))


def found(path: Path, written: Written, *, full: bool = False) -> str:
    mtime_ns = 0 if full else written.mtime_ns
    return flaw(path, written.sha256, written.bytes, mtime_ns)


def test_an_output_that_nobody_touched_is_not_read(output: Path) -> None:
    written = measure(output)
    assert written.mtime_ns == output.stat().st_mtime_ns
    changed(output, b"THE VECTORS", written.mtime_ns)
    assert found(output, written) == ""
    assert found(output, written, full=True) == OTHER_BYTES


@pytest.mark.parametrize("later", [-1, 1])
def test_another_time_has_the_bytes_compared(output: Path, later: int) -> None:
    written = measure(output)
    changed(output, b"the vectors", written.mtime_ns + later)
    assert found(output, written) == ""
    changed(output, b"THE VECTORS", written.mtime_ns + later)
    assert found(output, written) == OTHER_BYTES


def test_another_size_is_noticed_at_the_same_time(output: Path) -> None:
    written = measure(output)
    changed(output, b"the vector", written.mtime_ns)
    assert found(output, written) == OTHER_SIZE


def test_an_output_without_a_recorded_time_is_read(output: Path) -> None:
    written = measure(output)
    changed(output, b"THE VECTORS", written.mtime_ns)
    assert found(output, Written(written.sha256, written.bytes)) == OTHER_BYTES
