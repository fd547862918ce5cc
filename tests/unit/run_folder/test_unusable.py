"""Run folders whose ledger is damaged, or that cannot be written."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import tui_balancer_here
from tests.support.finished_run import finish_run
from tui_balancer.errors import UserError
from tui_balancer.export.export import export
from tui_balancer.ledger.lock import LOCK_NAME, LockHolder
from tui_balancer.ledger.schema import LEDGER_NAME

PAGE = 4096


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.fasta").write_text(">a\nMKV\n")
    return finish_run(tmp_path / "in", tmp_path / "out")


@pytest.fixture
def read_only(out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder on a file system that is mounted read-only, whoever runs the test."""
    real = os.open

    def refusing(path: Any, flags: int, *mode: int, **others: Any) -> int:
        if flags & os.O_CREAT and Path(os.fsdecode(path)).parent == out:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real(path, flags, *mode, **others)

    monkeypatch.setattr(os, "open", refusing)
    return out


@pytest.mark.parametrize(
    "words",
    [
        ("resume", "{out}"),
        ("run", "{out}/../in", "-o", "{out}", "--model", "untrained:esm2_t6_8M_UR50D"),
        ("verify", "{out}"),
        ("report", "{out}"),
        ("attach", "{out}"),
        ("export", "{out}", "--format", "npz"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("damage", ["cut", "zeroed", "not SQLite"])
def test_a_damaged_ledger_is_named_with_what_to_do(
    out: Path, words: tuple[str, ...], damage: str
) -> None:
    ledger = out / LEDGER_NAME
    whole = ledger.read_bytes()
    bad = {
        "cut": whole[: PAGE // 2],
        "zeroed": whole[:PAGE] + bytes(len(whole) - PAGE),
        "not SQLite": b"notes " * PAGE,
    }
    ledger.write_bytes(bad[damage])
    refused = tui_balancer_here(*(word.format(out=out) for word in words))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"tui-balancer: cannot read the ledger {ledger}: ")
    assert refused.stderr.endswith(
        "The outputs are kept. Put a copy of the ledger in its place, or remove it and run again "
        "with --overwrite, which embeds all files again\n"
    )
    assert (out / "a_ESM.pt").exists()


def test_a_run_that_cannot_be_written_is_exported_elsewhere(read_only: Path) -> None:
    elsewhere = read_only.parent / "elsewhere"
    assert export(read_only, ("npz",), elsewhere).outputs == 1
    assert (elsewhere / "a_ESM.npz").exists()
    with pytest.raises(UserError, match=r"cannot lock the run folder .*: Read-only file system"):
        export(read_only, ("npz",))


def test_it_is_not_while_somebody_works_in_it(read_only: Path) -> None:
    (read_only / LOCK_NAME).write_text(json.dumps(asdict(LockHolder.this_process())))
    with pytest.raises(UserError, match="in use by process"):
        export(read_only, ("npz",), read_only.parent / "elsewhere")
