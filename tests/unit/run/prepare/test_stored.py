"""What earlier runs have stored is not computed, and the bytes never tell who came first."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.checkpoints import make_checkpoint
from tests.support.made_runs import SETTINGS, WIDTH, Run, write_inputs
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel, UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.outputs import virnucpro
from tui_balancer.outputs.dereplication import planned_copies, planned_stored
from tui_balancer.store.maintenance import stats, verify
from tui_balancer.store.vector_store import STORE_NAME, VectorStore, sequence_key
from tui_balancer.workers.vectors.stored import spaces_of


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    path = make_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt", width=WIDTH)
    return load_embedder(resolve(CheckpointModel(path)), "cpu:0", 1, SETTINGS)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_bytes_depend_on_what_was_stored_before_and_not_on_who_comes_first(
    embedder: Embedder, seed: int
) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = write_inputs(folder / "in", dice)
        early = Run(folder / "in", folder / "early", embedder, folder / "store")
        early.make(dice.sample(range(count), dice.randint(0, count)))
        # A unit does not store what it computes for others.
        opened = VectorStore.open(folder / "store")
        stored = {key for (key,) in opened.rows("SELECT key FROM vectors")}
        known = {one for one in early.company.embedded if sequence_key(one.encode()) in stored}
        shutil.copytree(folder / "store", folder / "copy")

        quiet = Run(folder / "in", folder / "quiet", embedder, folder / "store")
        expected = quiet.make(range(count))
        assert known.isdisjoint(quiet.company.embedded), "what is stored is not computed"
        assert len(quiet.company.embedded) == len(set(quiet.company.embedded))

        other = Run(folder / "in", folder / "other", embedder, folder / "copy")
        assert [one.cost for one in other.files] == [one.cost for one in quiet.files]
        order = dice.sample(range(count), count)
        cut = dice.randint(0, count)
        made = other.make(order[:cut])
        assert made | other.make(order[cut:], epoch=2) == expected
        assert other.make(order[:1], epoch=3).items() <= expected.items()

        last = Run(folder / "in", folder / "last", embedder, folder / "store")
        last.make(range(count))
        assert last.company.embedded == []
        assert verify(opened).clean
        opened.close()


def test_an_empty_store_changes_no_byte(tmp_path: Path, embedder: Embedder) -> None:
    count = write_inputs(tmp_path / "in", random.Random(3))
    without = Run(tmp_path / "in", tmp_path / "without", embedder)
    first = Run(tmp_path / "in", tmp_path / "first", embedder, tmp_path / "store")
    assert first.make(range(count)) == without.make(range(count))


def test_what_is_stored_is_counted_and_costs_next_to_nothing(
    tmp_path: Path, embedder: Embedder
) -> None:
    (tmp_path / "in").mkdir()
    text = ">a\nMKVLAAGWMKVL\n>b\nMKVLA\n>c\nMKVLA\n"
    (tmp_path / "in" / "a.faa").write_text(text)
    Run(tmp_path / "in", tmp_path / "first", embedder, tmp_path / "store").make([0])
    (tmp_path / "in" / "a.faa").write_text(text + ">d\nWWW\n>e\nWWW\n")
    second = Run(tmp_path / "in", tmp_path / "second", embedder, tmp_path / "store")
    assert planned_stored(tmp_path / "second") == 3
    assert planned_copies(tmp_path / "second") == 1
    assert second.files[0].cost == embedder.shape.sequence_flops(3) < second.full_cost / 3
    second.make([0])
    assert second.company.embedded == ["WWW"]
    (output,) = (tmp_path / "second").glob("*_ESM.pt.1.tmp")
    assert virnucpro.read(output).metadata["from_store"] == 3


def test_damage_and_failed_batches_are_computed_and_stored_again(
    tmp_path: Path, embedder: Embedder
) -> None:
    count = write_inputs(tmp_path / "in", random.Random(4))
    Run(tmp_path / "in", tmp_path / "first", embedder, tmp_path / "store").make(range(count))
    with sqlite3.connect(tmp_path / "store" / STORE_NAME) as database:
        database.execute("UPDATE vectors SET vector = zeroblob(length(vector))")
    database.close()
    second = Run(tmp_path / "in", tmp_path / "second", embedder, tmp_path / "store")
    second.make(range(count))
    opened = VectorStore.open(tmp_path / "store")
    held = stats(opened)
    assert held.damaged == held.vectors == len(set(second.company.embedded))
    assert verify(opened).clean


DECIDE_NOTHING = {"max_length", "long", "dereplicate"}
"""They decide which pieces there are, and the key of a piece is its residues."""

OTHER: dict[str, Any] = {
    "repr_layers": (0,),
    "include": ("bos",),
    "precision": "bf16",
    "long": "skip",
}


@pytest.mark.parametrize("name", [one.name for one in fields(EmbeddingSettings)])
def test_what_decides_a_number_is_in_the_space(name: str) -> None:
    model = UntrainedModel("esm2_t6_8M_UR50D", 0).source()
    plain = EmbeddingSettings()
    value = getattr(plain, name)
    other = OTHER.get(name, value + 1 if type(value) is int else not value)
    same = spaces_of(model, replace(plain, **{name: other}), "x") == spaces_of(model, plain, "x")
    assert same == (name in DECIDE_NOTHING)


def test_the_model_and_the_device_are_in_the_space() -> None:
    models = [UntrainedModel("esm2_t6_8M_UR50D", seed).source() for seed in (0, 1)]
    models.append(replace(models[0], sha256="ab"))
    found = {spaces_of(one, EmbeddingSettings(), way) for one in models for way in ("x", "y")}
    assert len(found) == 6


def test_a_layer_more_is_not_found_and_one_less_is() -> None:
    model = UntrainedModel("esm2_t6_8M_UR50D", 0).source()
    both = spaces_of(model, EmbeddingSettings(repr_layers=(5, 6), include=("mean", "bos")), "x")
    one = spaces_of(model, EmbeddingSettings(repr_layers=(5,), include=("bos",)), "x")
    assert (len(both), set(one) < set(both)) == (4, True)
