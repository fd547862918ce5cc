"""What a run has several times is computed once, and the bytes never tell by whom."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.benches import bench_for, worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import run_task
from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.discovery import find_inputs
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.outputs.dereplication import (
    PLAN_FOLDER,
    SharedPlan,
    plan_folder,
    planned_copies,
)
from tui_balancer.outputs.layout import output_paths
from tui_balancer.outputs.partials import sweep_partials
from tui_balancer.run.prepare.duplicates import dereplicated
from tui_balancer.run_folder.manifest import Manifest, file_records
from tui_balancer.scheduler.model import Lease

WIDTH, BATCH_TOKENS = 16, 30
RULES = ReadingRules(max_length=12, long="window")
SETTINGS = EmbeddingSettings(batch_tokens=BATCH_TOKENS, max_length=12, long="window")


class Company:
    """Stands for a device whose numbers tell a piece and its whole batch, and counts them."""

    def __init__(self) -> None:
        self.embedded: list[str] = []
        self.batches: list[tuple[str, ...]] = []

    def __call__(self, sequences: Sequence[str]) -> torch.Tensor:
        self.embedded += sequences
        self.batches.append(tuple(sequences))
        company = "".join(sequences)
        numbers = [crc32(f"{one} {company}".encode()) for one in sequences]
        return torch.tensor(numbers, dtype=torch.float32)[:, None].repeat(1, WIDTH)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    path = make_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt", width=WIDTH)
    return load_embedder(resolve(CheckpointModel(path)), "cpu:0", 1, SETTINGS)


class Run:
    """A run in a folder, its files made one by one by as many workers as one likes."""

    def __init__(self, inputs: Path, folder: Path, embedder: Embedder, **changed: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.company = Company()
        self._embedder = embedder
        self.settings = replace(SETTINGS, **changed)
        model = make_checkpoint(folder / "tiny.pt", width=WIDTH)
        self._setup = worker_setup(
            resolve(CheckpointModel(model)), self.settings, RULES, folder=folder
        )
        found = find_inputs([str(inputs)])
        duplicate_index = DuplicateIndex()
        scans = scan(found, RULES, duplicate_index=duplicate_index)
        shape = embedder.shape
        files = file_records(scans, output_paths(found), shape, BATCH_TOKENS)
        self.full_cost = sum(file.cost for file in files)
        if self.settings.dereplicate:
            place = plan_folder(folder)
            files = dereplicated(files, duplicate_index, place, shape, RULES, BATCH_TOKENS)
        self.files = files
        self.manifest = Manifest.of(files, folder)

    def make(self, numbers: Iterable[int], epoch: int = 1) -> dict[int, str]:
        """Embed files, each by a worker of its own, and return their outputs' checksums."""
        made: dict[int, str] = {}
        for unit in self.manifest.units(numbers):
            self._embedder.embed = self.company  # type: ignore[method-assign]
            bench = bench_for(self._setup, ListBoard(), self._embedder)
            result = run_task(bench, self.manifest.task(Lease(unit, "cpu:0", epoch)))
            assert not any(file.error for file in result.files)
            made.update((file.file_id, file.written[0].sha256) for file in result.files)
        return made


def write_inputs(folder: Path, dice: random.Random) -> int:
    """Write files of few distinct sequences, some longer than a window; return how many files."""
    folder.mkdir()
    pool = ["".join(dice.choices("LAGV", k=dice.randint(1, 30))) for _ in range(8)]
    count = dice.randint(2, 9)
    for number in range(count):
        names = dice.choices(pool, k=dice.choice([1, 2, 5, 12]))
        text = "".join(f">p{n}\n{one}\n" for n, one in enumerate(names))
        (folder / f"{number:02}.faa").write_text(text)
    return count


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_bytes_do_not_depend_on_who_comes_first(embedder: Embedder, seed: int) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = write_inputs(folder / "in", dice)
        quiet = Run(folder / "in", folder / "quiet", embedder)
        expected = quiet.make(range(count))
        assert len(quiet.company.embedded) == len(set(quiet.company.embedded))

        other = Run(folder / "in", folder / "other", embedder)
        order = dice.sample(range(count), count)
        cut = dice.randint(0, count)
        made = other.make(order[:cut])
        if dice.random() < 0.5:
            # What others have left may be gone at any time, for instance after the run.
            sweep_partials(folder / "other", [file.output for file in other.files])
        assert made | other.make(order[cut:], epoch=2) == expected
        assert other.make(order[:1], epoch=3).items() <= expected.items()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_estimated_costs_add_up_to_what_is_computed(embedder: Embedder, seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder / "in", random.Random(seed))
        run = Run(folder / "in", folder / "out", embedder)
        alone = Run(folder / "in", folder / "alone", embedder, dereplicate=False)
        run.make(range(len(run.files)))
        alone.make(range(len(alone.files)))
        computed = [len(text) for text in run.company.embedded]
        assert len(alone.company.embedded) >= len(computed)
        assert sum(file.cost for file in alone.files) == run.full_cost
        if len(alone.company.embedded) > len(computed):
            assert sum(file.cost for file in run.files) < run.full_cost
        assert all(file.cost > 0 for file in run.files)


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """Two files with the same three sequences, and one of each own."""
    folder = tmp_path / "in"
    folder.mkdir()
    common = "".join(f">c{n}\n{'MKVLAAGW'[n:]}AC\n" for n in range(3))
    (folder / "a.faa").write_text(common + ">a\nWWWWWWWWWWWW\n" + ">a2\nWWWWWWWWWWW\n" * 3)
    (folder / "b.faa").write_text(common + ">b\nYYYYYYYYYYYY\n" + ">b2\nYYYYYYYYYYY\n" * 3)
    return folder


def test_copies_are_counted_in_and_across_files(
    twins: Path, tmp_path: Path, embedder: Embedder
) -> None:
    run = Run(twins, tmp_path / "out", embedder)
    # Three of b's are a's, and each file has one sequence three times.
    assert planned_copies(tmp_path / "out") == 3 + 2 + 2
    run.make(range(2))
    assert len(run.company.embedded) == 3 + 2 + 2
    assert run.files[1].cost < run.files[0].cost


def is_common(batch: tuple[str, ...]) -> bool:
    """Whether a batch is of what the twins have in common."""
    return any("AGWAC" in one for one in batch)


def test_a_block_that_somebody_else_works_on_comes_last(
    twins: Path, tmp_path: Path, embedder: Embedder
) -> None:
    run = Run(twins, tmp_path / "out", embedder)
    run.make([0])
    assert [is_common(batch) for batch in run.company.batches] == [True, True, False]
    run.company.batches.clear()
    # As if the worker of the first file had claimed the block and not finished it.
    for path in (tmp_path / "out" / PLAN_FOLDER).rglob("*shared.partial"):
        path.unlink()
    run.make([1])
    assert [is_common(batch) for batch in run.company.batches] == [False, True, True]


def test_without_dereplication_every_copy_is_computed(
    twins: Path, tmp_path: Path, embedder: Embedder
) -> None:
    run = Run(twins, tmp_path / "out", embedder, dereplicate=False)
    run.make(range(2))
    assert len(run.company.embedded) == 14
    assert not (tmp_path / "out" / PLAN_FOLDER).exists()


def test_a_run_without_copies_has_no_plan(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.faa").write_text(">a\nMKVL\n>b\nMKV\n")
    Run(tmp_path / "in", tmp_path / "out", embedder)
    assert planned_copies(tmp_path / "out") == 0
    assert SharedPlan.open(plan_folder(tmp_path / "out")) is None


def test_what_a_scan_that_was_cut_off_has_planned_does_not_count(
    twins: Path, tmp_path: Path, embedder: Embedder
) -> None:
    Run(twins, tmp_path / "out", embedder).make([0])
    (twins / "b.faa").write_text(">b\nYYYYYYYYYYYY\n")
    (twins / "a.faa").write_text(">a\nMKVLAAGW\n")
    again = Run(twins, tmp_path / "out", embedder)
    assert planned_copies(tmp_path / "out") == 0
    assert not (tmp_path / "out" / PLAN_FOLDER).exists()
    again.make([0])
    assert sorted(again.company.embedded) == ["MKVLAAGW", "YYYYYYYYYYYY"]


def test_a_plan_that_is_damaged_is_told(twins: Path, tmp_path: Path, embedder: Embedder) -> None:
    run = Run(twins, tmp_path / "out", embedder)
    (tmp_path / "out" / PLAN_FOLDER / "keys.npy").unlink()
    with pytest.raises(UserError, match="lacks a file"):
        SharedPlan.open(plan_folder(tmp_path / "out"))
    assert run.files[0].sequences == len(read_fasta(twins / "a.faa", RULES).records)


def test_what_is_left_for_others_is_swept_up_with_the_partial_results(
    twins: Path, tmp_path: Path, embedder: Embedder
) -> None:
    run = Run(twins, tmp_path / "out", embedder)
    run.make([0])
    place = tmp_path / "out" / PLAN_FOLDER
    assert list(place.rglob("*.partial"))
    sweep_partials(tmp_path / "out", ["a_ESM.pt"])
    assert not [path for path in place.rglob("*") if path.is_dir()]
    assert np.load(place / "blocks.npy")[-1] == 3
