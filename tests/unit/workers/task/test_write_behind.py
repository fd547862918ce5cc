"""Outputs of a task: all are written, then all are synced, and one that fails fails alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.outputs import METADATA
from tests.support.tasks import task_of, write_file
from tui_balancer.failures import FailureCause
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.representations import Representations
from tui_balancer.workers.task.read_ahead import read_files
from tui_balancer.workers.task.results import EmbeddedFile, EmbeddedTask
from tui_balancer.workers.task.write_behind import write_outputs


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedTask:
    """A bundle of three files with made-up vectors."""
    task = task_of(7, *(write_file(tmp_path, number, sequences=1) for number in range(3)))
    files = tuple(
        EmbeddedFile(
            read, Representations.mean(6, 5), ["p0"], lambda: [np.ones(5, np.float32)], METADATA
        )
        for read in read_files(task.files, ReadingRules())
    )
    return EmbeddedTask(task, files, 1.0)


def paths_of(embedded: EmbeddedTask) -> list[Path]:
    return [one.temporary for file in embedded.task.files for one in file.outputs]


def syncing(monkeypatch: pytest.MonkeyPatch, note: Callable[[int], None]) -> None:
    """Have something called with the inode of each file that is synced."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: note(os.fstat(descriptor).st_ino))


def test_every_output_is_synced_after_the_last_one_is_written(
    embedded: EmbeddedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def note(inode: int) -> None:
        assert all(path.exists() for path in paths_of(embedded))
        synced.append(inode)

    syncing(monkeypatch, note)
    result = write_outputs(embedded)
    assert [file.error for file in result.files] == ["", "", ""]
    assert synced == [path.stat().st_ino for path in paths_of(embedded)]


@pytest.mark.parametrize(("code", "full"), [(errno.EIO, False), (errno.ENOSPC, True)])
def test_a_file_that_cannot_be_synced_fails_alone_and_leaves_nothing(
    code: int, full: bool, embedded: EmbeddedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = paths_of(embedded)

    def note(inode: int) -> None:
        if second.exists() and inode == second.stat().st_ino:
            raise OSError(code, os.strerror(code))

    syncing(monkeypatch, note)
    good, bad, other = write_outputs(embedded).files
    assert (good.error, other.error) == ("", "")
    assert (bad.error, bad.cause, bad.disk_full, bad.written) == (
        *(f"cannot write its output: {os.strerror(code)}", FailureCause.NOT_WRITTEN),
        *(full, ()),
    )
    assert [path.exists() for path in (first, second, third)] == [True, False, True]
