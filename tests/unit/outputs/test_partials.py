"""Partial results: what verifies is taken, and nothing else ever is."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tui_balancer.outputs.layout import temporary_path
from tui_balancer.outputs.partials import (
    KeptBatch,
    PartialResult,
    discard_partial,
    partial_path,
    sweep_partials,
)

ORIGIN = {"input_sha256": "ab", "model": "esm2", "batch_tokens": 60}
BATCHES = [
    KeptBatch(0, ("p1", "p3"), bytes(range(40))),
    KeptBatch(2, ("é \n",), b"\xff" * 20, split=True),
    KeptBatch(1, ("p2", "p4", "p5"), bytes(60)),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a partial result that holds `BATCHES`."""
    path = partial_path(tmp_path / "tree" / "a_ESM.pt")
    partial = PartialResult(path, ORIGIN)
    for batch in BATCHES:
        partial.keep(batch)
    return path


def kept(path: Path) -> list[KeptBatch]:
    return list(PartialResult(path, ORIGIN).read())


def test_batches_come_back_as_they_were_kept(path: Path) -> None:
    assert kept(path) == BATCHES


def test_there_is_nothing_to_read_before_the_first_batch(tmp_path: Path) -> None:
    assert kept(tmp_path / "a_ESM.pt.partial") == []


def test_what_was_kept_is_in_the_file_at_once(path: Path) -> None:
    writer = PartialResult(path, ORIGIN)
    writer.keep(BATCHES[0])
    assert kept(path) == BATCHES[:1]
    writer.keep(BATCHES[1])
    assert kept(path) == BATCHES[:2]


@pytest.mark.parametrize("other", [{**ORIGIN, "batch_tokens": 61}, {"model": "esm2"}, {}])
def test_batches_of_another_input_model_or_setting_do_not_count_and_make_way(
    path: Path, other: dict[str, object]
) -> None:
    foreign = PartialResult(path, other)
    assert list(foreign.read()) == []
    foreign.keep(BATCHES[2])
    assert list(PartialResult(path, other).read()) == BATCHES[2:]
    assert kept(path) == []


def test_a_file_cut_anywhere_gives_its_whole_batches_and_is_mended_by_the_next(
    path: Path, tmp_path: Path
) -> None:
    whole = path.read_bytes()
    ends = []
    growing = PartialResult(tmp_path / "growing", ORIGIN)
    for batch in BATCHES:
        growing.keep(batch)
        ends.append((tmp_path / "growing").stat().st_size)
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        good = sum(end <= cut for end in ends)
        partial = PartialResult(path, ORIGIN)
        assert list(partial.read()) == BATCHES[:good]
        partial.keep(BATCHES[2])
        assert kept(path) == [*BATCHES[:good], BATCHES[2]]


def test_a_changed_byte_ends_the_reading_wherever_it_is(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(0, len(whole), 5):
        changed = bytearray(whole)
        changed[position] ^= 0x40
        path.write_bytes(changed)
        found = kept(path)
        assert len(found) < len(BATCHES)
        assert found == BATCHES[: len(found)]


def test_a_tail_of_zeros_after_a_power_cut_is_no_batch(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert kept(path) == BATCHES


def test_a_batch_that_did_not_fit_on_the_disk_leaves_the_others_and_its_place(path: Path) -> None:
    partial = PartialResult(path, ORIGIN)
    assert list(partial.read()) == BATCHES
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 30, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            partial.keep(BATCHES[0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert kept(path) == BATCHES
    partial.keep(BATCHES[1])
    assert kept(path) == [*BATCHES, BATCHES[1]]


def test_reading_that_stopped_early_gives_up_the_rest(path: Path) -> None:
    partial = PartialResult(path, ORIGIN)
    assert next(partial.read()) == BATCHES[0]
    partial.keep(BATCHES[2])
    assert kept(path) == [BATCHES[0], BATCHES[2]]


def test_a_partial_result_lies_beside_its_output_and_only_such_are_swept(tmp_path: Path) -> None:
    outputs = [tmp_path / "a_ESM.pt", tmp_path / "deep" / "b_ESM.pt"]
    for output in outputs:
        PartialResult(partial_path(output), ORIGIN).keep(BATCHES[0])
        output.write_bytes(b"done")
        temporary_path(output, 1).write_bytes(b"")
    (tmp_path / "notes.partial").write_text("mine")
    (tmp_path / "c_ESM.pt.partial").write_text("mine")

    swept = sweep_partials(tmp_path, ["a_ESM.pt", "deep/b_ESM.pt"])
    assert set(swept) == {partial_path(output) for output in outputs}
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    mine = {"notes.partial", "c_ESM.pt.partial"}
    assert left == {"a_ESM.pt", "a_ESM.pt.1.tmp", "b_ESM.pt", "b_ESM.pt.1.tmp", *mine}


def test_discarding_what_is_not_there_is_fine(tmp_path: Path) -> None:
    discard_partial(tmp_path / "a_ESM.pt.partial")
    discard_partial(tmp_path / "nowhere" / "a_ESM.pt.partial")
