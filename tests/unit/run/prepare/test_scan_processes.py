"""Several processes find what one finds, whatever happens to them, and none of them is left."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tui_balancer.inputs.blocks import divider
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import InputFile, find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import FileScan, scan
from tui_balancer.notices import Notice, NoticeKind, Notices
from tui_balancer.run.prepare import scan_processes
from tui_balancer.run.prepare.scan_processes import _Work, scan_on_cores, suitable_processes
from tui_balancer.run.prepare.scanner import SliceScan, scan_slice

RULES = ReadingRules(max_length=40, segment_bytes=200)
SHARD_BYTES = 400
FILES = 9


@pytest.fixture(autouse=True)
def a_slice_a_file() -> Any:
    if not divider().portable:
        pytest.skip("without a C compiler one process scans")
    with patch.object(scan_processes, "_SLICE_BYTES", 1):
        yield
    assert not multiprocessing.active_children()


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[InputFile, ...]:
    """Good files, one in segments, and bad ones; most have something that a warning names."""
    for number in range(FILES - 3):
        repeats = ">same\nMKVLA\n>same\nMKVLA\n" if number % 2 else ""
        text = f">a{number}\nMKVJ{'LAEQ' * 12}\n>empty\n{repeats}>b\nMKF\n"
        (tmp_path / f"{number}.faa").write_text(text)
    large = "".join(f">r{number}\nMKVFQ{'L' * (number % 7)}\n" for number in range(200))
    (tmp_path / "large.faa").write_text(large)
    (tmp_path / "bad.faa").write_text("no FASTA")
    (tmp_path / "damaged.faa.gz").write_bytes(b"\x1f\x8b\x08 not that long")
    found = find_inputs([tmp_path])
    assert len(found) == FILES
    return found


Result = tuple[tuple[FileScan, ...], DuplicateIndex, tuple[Notice, ...]]


def result(way: Callable[..., tuple[FileScan, ...]], *arguments: Any, **options: Any) -> Result:
    index, notices = DuplicateIndex(), Notices()
    scans = way(
        *arguments,
        duplicate_index=index,
        shard_bytes=SHARD_BYTES,
        notices=notices,
        **options,
    )
    return scans, index, notices.all()


@contextmanager
def others_first(on_slice: Callable[[int], None] = lambda _: None) -> Iterator[list[int]]:
    """Let this process scan only what others leave, and return how many slices those were.

    Args:
        on_slice: Called before another process gets a slice, with how many it had.
    """
    take = _Work.take
    given, own = [0], [0]

    def taken(work: _Work) -> Any:
        if threading.current_thread() is threading.main_thread():
            for one in threading.enumerate():
                if one.name == "scan-relay":
                    one.join()
        else:
            on_slice(given[0])
            given[0] += 1
        return take(work)

    def scanned(*arguments: Any) -> SliceScan:
        own[0] += 1
        return scan_slice(*arguments)

    with (
        patch.object(_Work, "take", taken),
        patch.object(scan_processes, "scan_slice", scanned),
    ):
        yield own


def test_several_processes_find_what_one_finds(inputs: tuple[InputFile, ...]) -> None:
    alone = result(scan, inputs, RULES)
    assert len({one.error for one in alone[0]}) == 3
    assert any(one.shards for one in alone[0])
    assert alone[2]
    told: list[FileScan] = []
    assert result(scan_on_cores, inputs, RULES, told.append, processes=2) == alone
    assert tuple(told) == alone[0]
    with others_first() as own:
        told.clear()
        assert result(scan_on_cores, inputs, RULES, told.append, processes=2) == alone
    assert own == [0]
    assert tuple(told) == alone[0]
    assert all(one.input is file for one, file in zip(told, inputs, strict=True))


def test_what_killed_processes_leave_is_scanned(inputs: tuple[InputFile, ...]) -> None:
    def kill(slices: int) -> None:
        if slices == 2:
            for process in multiprocessing.active_children():
                process.kill()

    with others_first(kill) as own:
        found = result(scan_on_cores, inputs, RULES, processes=2)
    assert own == [FILES - 2]
    assert found == result(scan, inputs, RULES)


def test_examples_are_looked_for_until_there_are_enough(inputs: tuple[InputFile, ...]) -> None:
    with (
        patch.object(scan_processes, "scan_slice", side_effect=scan_slice) as scanned,
        patch.object(scan_processes, "spawn", side_effect=BlockingIOError),
    ):
        result(scan_on_cores, inputs, RULES, processes=2)
    known = [NoticeKind.REPLACED in one.args[1] for one in scanned.call_args_list]
    assert known == [False] * 3 + [True] * (FILES - 3)


def test_a_system_that_refuses_processes_has_its_files_scanned(
    inputs: tuple[InputFile, ...],
) -> None:
    with patch.object(scan_processes, "spawn", side_effect=BlockingIOError):
        assert result(scan_on_cores, inputs, RULES, processes=2) == result(scan, inputs, RULES)


def test_a_stopped_scan_returns_the_first_files(inputs: tuple[InputFile, ...]) -> None:
    stop = threading.Event()
    scans = scan_on_cores(
        inputs, RULES, lambda _: stop.set(), stop, shard_bytes=SHARD_BYTES, processes=2
    )
    assert scans == scan(inputs[:1], RULES, shard_bytes=SHARD_BYTES)


def test_an_interrupt_leaves_no_process(inputs: tuple[InputFile, ...]) -> None:
    def interrupt(_: FileScan) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        scan_on_cores(inputs, RULES, interrupt, processes=2)
    # While the traceback still holds the frames.
    assert caught.tb is not None
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("cores", "worth", "known", "expected"),
    [
        (4, 1, False, 4),
        (99, 1, False, 8),
        (1, 1, False, 1),
        (4, 1 << 40, False, 1),
        (4, 1, True, 1),
    ],
)
def test_processes_are_as_many_as_pay(
    inputs: tuple[InputFile, ...], cores: int, worth: int, known: bool, expected: int
) -> None:
    index = DuplicateIndex(known=(lambda pieces: bytes(len(pieces))) if known else None)
    with (
        patch.object(scan_processes, "usable_cores", lambda: cores),
        patch.object(scan_processes, "WORTH_BYTES", worth),
    ):
        assert suitable_processes(inputs, index) == expected
