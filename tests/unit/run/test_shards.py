"""Large files in a run's manifest, in its ledger, and when the run goes on."""

from __future__ import annotations

import gzip
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PurePath

import pytest
from msgspec import structs

from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import FileScan, scan
from tui_balancer.ledger.changes import FileRescanned
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState, RunRecord, SessionRecord
from tui_balancer.ledger.writing import Ledger
from tui_balancer.outputs.layout import output_paths
from tui_balancer.outputs.partials import sweep_partials
from tui_balancer.run.prepare.scanning import undivided_warnings
from tui_balancer.run_folder.manifest import Manifest, file_records
from tui_balancer.run_folder.shards import index_parts, shown, with_costs_of
from tui_balancer.settings import Shards

SHAPE = Esm2Shape(layers=2, width=40, heads=4)
RULES = ReadingRules(segment_bytes=100)


def scanned(folder: Path, shard_bytes: int | None) -> tuple[FileScan, ...]:
    """Scan a small file, a large one and another small one."""
    folder.mkdir(exist_ok=True)
    for name, count in (("a", 2), ("huge", 40), ("z", 2)):
        lines = (f">{name}{number}\nMKVLAAGIV{'W' * number}\n" for number in range(count))
        (folder / f"{name}.faa").write_text("".join(lines))
    return scan(find_inputs([folder]), RULES, shard_bytes=shard_bytes)


@pytest.fixture
def scans(tmp_path: Path) -> tuple[FileScan, ...]:
    return scanned(tmp_path / "in", 300)


@pytest.fixture
def manifest(scans: tuple[FileScan, ...], tmp_path: Path) -> Manifest:
    outputs = output_paths([one.input for one in scans])
    return Manifest.of(file_records(scans, outputs, SHAPE, 1000), tmp_path / "out")


def test_shards_come_after_their_file_and_are_units_of_their_own(manifest: Manifest) -> None:
    _, huge, *_ = files = manifest.files
    shards = [files[number] for number in manifest.shards(1)]
    assert len(shards) == huge.shards >= 4
    assert [file.file_id for file in files] == list(range(len(files)))
    assert shards[2].name == f"huge.faa ⟨3/{huge.shards}⟩"
    assert shards[2].output == "huge_ESM.shard3"
    assert {(one.whole, one.unit - one.file_id, one.bundle - one.file_id) for one in shards} == {
        (1, 0, 0)
    }
    assert sum(one.sequences for one in shards) == huge.sequences == 40
    assert sum(one.cost for one in shards) == pytest.approx(huge.cost)
    assert all(one.end_byte == other.first_byte for one, other in pairwise(shards))
    # Small files share batches across it.
    assert files[0].unit == files[-1].unit == 0

    units = manifest.units(map(manifest.file_unit, range(len(files))))
    file = manifest.file_unit(1)
    assert file.shards == tuple(manifest.shards(1))
    assert file.joined == (40, huge.residues, huge.cost)
    assert sum(unit.sequences for unit in units) == sum(file.sequences for file in files[:2]) + 2
    assert sum(unit.inputs for unit in units) == 3
    # People see a file with all that is in it.
    small, seen, *others = shown(tuple(units))
    assert (seen.sequences, seen.residues, seen.cost) == file.joined
    assert [small, *others] == [unit for unit in units if unit != file]


@pytest.mark.parametrize("shard_bytes", [300, None])
def test_segments_are_in_bundles_of_their_own_when_copies_are_looked_for(
    shard_bytes: int | None, tmp_path: Path
) -> None:
    scans = scanned(tmp_path / "in", shard_bytes)
    files = file_records(scans, output_paths([one.input for one in scans]), SHAPE, 1000)
    parts = index_parts(scans, files)
    segments = [part for part in parts if part.bundle >= len(files)]
    assert len(segments) == len(scans[1].segments) > 4
    assert len({part.bundle for part in segments}) == len(segments)
    owners = {part.unit for part in segments}
    assert owners == ({1} if shard_bytes is None else set(range(2, 2 + files[1].shards)))

    costed = with_costs_of([structs.replace(part, cost=1.0) for part in parts], files)
    assert costed[0].cost == costed[-1].cost == 1.0
    assert costed[1].cost == len(segments)
    assert sum(file.cost for file in costed[2:-1]) == (len(segments) if shard_bytes else 0)


def test_a_ledger_has_shards_in_rows_after_their_file(
    manifest: Manifest, scans: tuple[FileScan, ...], tmp_path: Path
) -> None:
    session = SessionRecord(0.0, "host", 1, {})
    with closing(Ledger.create(tmp_path / "ledger", RunRecord(0.0, "m", {}), session)) as ledger:
        ledger.record_scan(manifest.files, 1.0)
        assert [row.file for row in ledger.files()] == manifest.files
        assert {row.state for row in ledger.files()} == {FileState.WAITING}

        # Another file in its place is whole; of what were its shards nothing is left to be done.
        scan = replace(scans[1], shards=(), segments=())
        (record,) = file_records([scan], [PurePath("huge_ESM.pt")], SHAPE, 1000, 1)
        ledger.append(None, FileRescanned(record))
    with closing(read_ledger(tmp_path / "ledger")) as ledger:
        rows = ledger.files()
    assert rows[1].file == record
    shards = [rows[number] for number in manifest.shards(1)]
    assert {(row.state, row.file.sequences) for row in shards} == {(FileState.DONE, 0)}


def test_who_asks_for_shards_hears_of_packed_files_that_stay_whole(tmp_path: Path) -> None:
    scanned(tmp_path / "in", 300)
    content = (tmp_path / "in" / "huge.faa").read_bytes()
    (tmp_path / "in" / "packed.faa.gz").write_bytes(gzip.compress(content, 0))
    scans = scan(find_inputs([tmp_path / "in"]), RULES, shard_bytes=300)
    assert [len(one.shards) > 1 for one in scans] == [False, True, False, False]
    (line,) = undivided_warnings(scans, Shards(300, explicit=True), 100)
    assert line.text.endswith("compressed files or a single record: packed.faa.gz")
    # Others are not larger than a shard can be.
    assert undivided_warnings(scans, Shards(1, explicit=True), 5000) == []
    assert undivided_warnings(scans, Shards(300), 100) == []
    assert undivided_warnings(scans, Shards(None), 100) == []


def test_shards_that_are_left_over_are_swept_up_with_partial_results(tmp_path: Path) -> None:
    for name in ("x_ESM.shard12", "x_ESM.shard1.partial", "x_ESM.shard1.3.partial", "x_ESM.pt"):
        (tmp_path / name).touch()
    sweep_partials(tmp_path, ["x_ESM.pt"])
    assert [path.name for path in tmp_path.iterdir()] == ["x_ESM.pt"]
