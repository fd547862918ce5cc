"""Room for outputs: how much they take, and whether it is there."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.support.outputs import content_of
from tui_balancer.outputs.formats import FORMATS, INDEX, writer
from tui_balancer.outputs.space import PROBE_NAME, has_room, is_disk_full, output_bytes
from tui_balancer.representations import Representations


@pytest.mark.parametrize("sequences", [1, 300])
@pytest.mark.parametrize("width", [40, 1280])
def test_the_estimate_is_no_less_than_an_output_and_not_much_more(
    sequences: int, width: int, tmp_path: Path
) -> None:
    ids = [f"NODE_{number}_length_4711_cov_12.5_frame_{number % 6}" for number in range(sequences)]
    content, kept = content_of(ids, width), Representations.mean(6, width)
    for name, one in FORMATS.items():
        written = writer(one).write(tmp_path / name, content).bytes
        table = writer(INDEX).write(tmp_path / "index", content).bytes
        estimate = output_bytes(sequences, 0, kept, formats=[name])
        blocks = 4096 * sequences if name == "esm" else 0
        assert written + table <= estimate, name
        assert estimate <= 1.5 * (written + table + blocks) + 3 * one.file_bytes, name


def test_room_is_tried_and_nothing_stays(tmp_path: Path) -> None:
    assert has_room(tmp_path, 3 << 20)
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_full_has_no_room(tmp_path: Path) -> None:
    (tmp_path / PROBE_NAME).symlink_to("/dev/full")
    assert not has_room(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_matter_of_space_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        has_room(tmp_path / "gone", 1)
    assert not is_disk_full(PermissionError(errno.EACCES, "no"))
    assert is_disk_full(OSError(errno.EDQUOT, "quota"))
