"""A file embedded in shards has the outputs of the file embedded whole, to the byte."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields

from tests.support.benches import WORKER, bench_for, worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import run_task
from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.outputs.dereplication import plan_folder
from tui_balancer.outputs.formats import FormatName
from tui_balancer.outputs.index import read_index
from tui_balancer.outputs.layout import output_paths, temporary_path
from tui_balancer.outputs.shard import read_shard
from tui_balancer.run.prepare.duplicates import dereplicated
from tui_balancer.run_folder.manifest import Manifest, file_records
from tui_balancer.run_folder.shards import index_parts
from tui_balancer.scheduler.model import Lease
from tui_balancer.workers.vectors import shared_blocks
from tui_balancer.workers.wire.protocol import FileResult

RULES = ReadingRules(max_length=12, segment_bytes=150)

RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "a_2", ""]),
        st.text("ACDEFGHIKLMNPQRSTVWYJ", max_size=30) | st.sampled_from(["MKVLA", "WWWWW" * 4]),
    ),
    min_size=1,
    max_size=40,
).map(lambda records: [*records, ("last", "MKV")])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return resolve(CheckpointModel(make_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt")))


class Run:
    """The embedding of one file in one folder, unit after unit.

    Attributes:
        manifest: The file, with its shards if it has any.
        results: Of each unit, in order.
    """

    def __init__(
        self,
        source: Path,
        folder: Path,
        model: ModelSource,
        wanted: EmbeddingSettings,
        rules: ReadingRules,
        formats: tuple[FormatName, ...],
        shard_bytes: int | None,
    ) -> None:
        folder.mkdir()
        shared_blocks._opened.cache_clear()
        found, duplicate_index = find_inputs([source]), DuplicateIndex()
        scans = scan(found, rules, duplicate_index=duplicate_index, shard_bytes=shard_bytes)
        assert not scans[0].error
        files = file_records(scans, output_paths(found), model.shape, wanted.batch_tokens)
        parts = index_parts(scans, files)
        place = plan_folder(folder)
        dereplicated(parts, duplicate_index, place, model.shape, rules, wanted.batch_tokens)
        self.manifest = Manifest.of(files, folder, formats)
        setup = worker_setup(model, wanted, rules, folder=folder)
        self._bench = bench_for(setup, ListBoard(), _embedder(model, wanted))
        self.results = [self.embed(number) for number in (*range(1, len(files)), 0)]

    def embed(self, number: int, epoch: int = 1) -> FileResult:
        """Embed a unit and put its outputs in place."""
        unit = self.manifest.file_unit(number)
        task = self.manifest.task(Lease(unit, WORKER.device, epoch))
        (result,) = run_task(self._bench, task).files
        for output in self.manifest.outputs(number):
            if not result.error:
                temporary_path(output, epoch).replace(output)
        return result

    def outputs(self) -> dict[str, str]:
        """Return what each of the file's outputs has in it."""
        return {
            output.name: hashlib.sha256(output.read_bytes()).hexdigest()
            for output in self.manifest.outputs(0)
        }


_loaded: dict[EmbeddingSettings, Embedder] = {}


def _embedder(model: ModelSource, wanted: EmbeddingSettings) -> Embedder:
    if wanted not in _loaded:
        _loaded[wanted] = load_embedder(model, "cpu:0", 1, wanted)
    return _loaded[wanted]


def write(folder: Path, records: list[tuple[str, str]]) -> Path:
    path = folder / "huge.faa"
    path.write_text("".join(f">{name} a > b\n{residues}\n" for name, residues in records))
    return path


@settings(max_examples=30, deadline=None)
@given(
    records=RECORDS,
    shard_bytes=st.sampled_from([1, 300, 700]),
    kind=st.sampled_from(["plain", "windows", "all residues", "skipped", "copies"]),
)
def test_shards_make_the_outputs_of_the_whole_file(
    records: list[tuple[str, str]],
    shard_bytes: int,
    kind: str,
    model: ModelSource,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    wanted = EmbeddingSettings(batch_tokens=60, max_length=RULES.max_length)
    rules: ReadingRules = RULES
    formats: tuple[str, ...] = ("virnucpro", "h5")
    if kind == "windows":
        rules, wanted = replace(rules, long="window"), replace(wanted, long="window")
    elif kind == "skipped":
        rules, wanted = replace(rules, long="skip"), replace(wanted, long="skip")
    elif kind == "all residues":
        wanted, formats = replace(wanted, include=("mean", "per_tok")), ("h5",)
    elif kind == "copies":
        wanted = replace(wanted, dereplicate=False)
    tmp_path = tmp_path_factory.mktemp("shards")
    source = write(tmp_path, records)
    whole = Run(source, tmp_path / "whole", model, wanted, rules, formats, None)
    parts = Run(source, tmp_path / "parts", model, wanted, rules, formats, shard_bytes)

    assert parts.outputs() == whole.outputs()
    got, want = parts.results[-1], whole.results[-1]
    assert got == with_fields(want, written=got.written)
    assert got.written[:1] == want.written[:1]
    assert [one.sha256 for one in got.written] == [one.sha256 for one in want.written]


@pytest.mark.parametrize("shard_bytes", [None, 1])
def test_the_table_says_why_a_sequence_has_no_vector_or_another_id(
    tmp_path: Path, model: ModelSource, shard_bytes: int | None
) -> None:
    records = [("a", ""), ("a", "MKV"), ("b", "MKVLAAGIVWERTYHPND"), ("a", "MKL"), ("", "MK")]
    source = write(tmp_path, [*records, ("c", "-*")])
    rules = replace(RULES, max_length=9, long="skip", segment_bytes=30)
    wanted = EmbeddingSettings(batch_tokens=60, max_length=9, long="skip")
    run = Run(source, tmp_path / "out", model, wanted, rules, ("virnucpro",), shard_bytes)
    assert bool(run.manifest.shards(0)) is (shard_bytes is not None)
    rows = [
        (one.id, one.length, bool(checksum), one.reason)
        for one, checksum in read_index(run.manifest.outputs(0)[1])
    ]
    assert rows == [
        ("a", 3, True, ""),
        ("a_2", 3, True, "renamed: a repeated"),
        ("a_3", 2, True, "renamed: a repeated"),
        ("a_4", 0, False, "empty"),
        ("b", 18, False, "longer than --max-length"),
        ("c", 0, False, "empty"),
    ]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return write(tmp_path, [(f"p{n % 30}", "MKVLAAGIVWERTYHPND"[n % 7 :]) for n in range(60)])


def test_a_shard_computes_the_batches_of_the_file_that_are_its_own(
    many: Path, tmp_path: Path, model: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = EmbeddingSettings(batch_tokens=60, dereplicate=False)
    rules = replace(RULES, max_length=1022)
    batches: list[tuple[str, ...]] = []
    embedder = _embedder(model, wanted)
    compute = embedder.embed

    def noting(sequences: list[str]) -> torch.Tensor:
        batches.append(tuple(sequences))
        return compute(sequences)

    monkeypatch.setattr(embedder, "embed", noting)
    Run(many, tmp_path / "whole", model, wanted, rules, ("virnucpro",), None)
    whole, batches = batches, []
    run = Run(many, tmp_path / "parts", model, wanted, rules, ("virnucpro",), 300)
    assert len(run.manifest.shards(0)) > 3
    assert batches == whole


def test_a_shard_reads_no_other_bytes_of_its_file(
    many: Path, tmp_path: Path, model: ModelSource
) -> None:
    wanted = EmbeddingSettings(batch_tokens=60)
    run = Run(many, tmp_path / "out", model, wanted, RULES, ("virnucpro",), 300)
    (second, *_) = run.results[1:2]
    shard = run.manifest.files[2]
    content = many.read_bytes()
    many.write_bytes(
        bytes(shard.first_byte)
        + content[shard.first_byte : shard.end_byte]
        + bytes(len(content) - shard.end_byte)
    )
    assert run.embed(2, epoch=2) == second
    # What is not its own has changed, and others say so.
    assert run.embed(1, epoch=2).error


def test_a_file_whose_shard_is_gone_or_damaged_says_so(
    many: Path, tmp_path: Path, model: ModelSource
) -> None:
    wanted = EmbeddingSettings(batch_tokens=60)
    run = Run(many, tmp_path / "out", model, wanted, RULES, ("virnucpro",), 300)
    lost = run.manifest.output(2)
    content = lost.read_bytes()
    lost.unlink()
    assert "cannot join its shards" in run.embed(0, epoch=2).error
    position = content.index(b"rows") + 200
    lost.write_bytes(content[:position] + b"\0\0\0\1" + content[position + 4 :])
    assert "broken, or not what its name says" in run.embed(0, epoch=3).error
    lost.write_bytes(content)
    assert run.embed(0, epoch=4).error == ""


def test_sequences_that_did_not_fit_are_named_by_their_ids_in_the_file(
    tmp_path: Path, model: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path, [("p", "MKVLAAGIV"), ("p", "MKV"), ("p", "WWWWWWWWWW")] * 2)
    rules = replace(RULES, segment_bytes=40)
    wanted = EmbeddingSettings(batch_tokens=60, dereplicate=False)
    embedder = _embedder(model, wanted)
    compute = embedder.embed

    def failing(sequences: list[str]) -> torch.Tensor:
        if any("W" in one for one in sequences):
            raise MemoryError
        return compute(sequences)

    monkeypatch.setattr(embedder, "embed", failing)
    whole = Run(source, tmp_path / "whole", model, wanted, rules, ("virnucpro",), None)
    parts = Run(source, tmp_path / "parts", model, wanted, rules, ("virnucpro",), 1)
    assert parts.results[-1].failed_ids == whole.results[-1].failed_ids == ("p_3", "p_6")
    shards = [parts.manifest.output(number) for number in parts.manifest.shards(0)]
    ids = [[entry.id for entry in read_shard(shard).entries] for shard in shards]
    assert [one for shard in ids for one in shard] == ["1 p", "2 p", "4 p", "5 p"]
    # Nothing of one of them was there to be kept.
    assert [] in ids
