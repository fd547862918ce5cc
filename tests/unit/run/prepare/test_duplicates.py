"""What a run has several times is computed once, and the bytes never tell by whom."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.checkpoints import make_checkpoint
from tests.support.made_runs import RULES, SETTINGS, WIDTH, Run, write_inputs
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.errors import UserError
from tui_balancer.inputs.content import read_fasta
from tui_balancer.outputs.dereplication import (
    PLAN_FOLDER,
    SharedPlan,
    plan_folder,
    planned_copies,
)
from tui_balancer.outputs.partials import sweep_partials


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    path = make_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt", width=WIDTH)
    return load_embedder(resolve(CheckpointModel(path)), "cpu:0", 1, SETTINGS)


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
