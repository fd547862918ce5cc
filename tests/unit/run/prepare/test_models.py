"""Which model embeds which inputs, and what its outputs are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.balance import specs
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.discovery import InputFile, find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.run.prepare.models import (
    PreparedModel,
    first_models,
    inputs_of_models,
    refuse_wrong_alphabets,
    settled_marks,
)
from tui_balancer.settings import RunSettings

ESM, OTHER_ESM = "esm2_t6_8M_UR50D", "esm2_t12_35M_UR50D"


def source(name: str) -> ModelSource:
    return UntrainedModel(name, 0).source()


def prepared(name: str, *inputs: InputFile) -> PreparedModel:
    return PreparedModel(source(name), EmbeddingSettings(), ReadingRules(), inputs)


@pytest.mark.parametrize(
    ("names", "marks"),
    [
        ((ESM,), ()),
        (("DNABERT-S",), ("_DNABERT_S",)),
        ((ESM, "DNABERT-S"), ("_ESM", "_DNABERT_S")),
        ((ESM, OTHER_ESM), (f"_{ESM}", f"_{OTHER_ESM}")),
        ((ESM, "DNABERT-S", OTHER_ESM), (f"_{ESM}", "_DNABERT_S", f"_{OTHER_ESM}")),
    ],
)
def test_outputs_are_named_by_family_and_by_model_where_that_does_not_tell(
    names: tuple[str, ...], marks: tuple[str, ...]
) -> None:
    assert settled_marks([source(name) for name in names]) == marks


def test_a_model_that_two_names_mean_is_refused() -> None:
    with pytest.raises(UserError, match=f"--model untrained {ESM} .* is named twice"):
        settled_marks([source(ESM), source(ESM)])


def test_no_input_goes_to_a_model_of_proteins_and_one_of_nucleotides() -> None:
    one, other = InputFile("/in/a.fa", "a.fa"), InputFile("/in/b.fa", "b.fa")
    refuse_wrong_alphabets([prepared(ESM, one), prepared("DNABERT-S", other)])
    refuse_wrong_alphabets([prepared(ESM, one), prepared(OTHER_ESM, one)])
    with pytest.raises(
        UserError,
        match=f"{ESM} reads proteins and DNABERT-S nucleotides, but b.fa is an input of both: "
        f"name the inputs of each, as --model {ESM}=FOLDER --model DNABERT-S=FOLDER",
    ):
        refuse_wrong_alphabets([prepared(ESM, one, other), prepared("DNABERT-S", other)])


def test_each_model_gets_the_files_that_its_patterns_find(tmp_path: Path) -> None:
    for name in ("x/a.faa", "x/b.faa", "y/c.faa"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(">p\nMKV\n")
    base = RunSettings((str(tmp_path / "x"),), tmp_path / "out", ESM)
    more = RunSettings((str(tmp_path / "y"), str(tmp_path / "x" / "b.faa")), base.output, OTHER_ESM)
    both = RunSettings.of_models([base, more])
    found = find_inputs(both.all_inputs)
    names = [[file.name for file in one] for one in inputs_of_models(both, found)]
    assert names == [["x/a.faa", "x/b.faa"], ["x/b.faa", "y/c.faa"]]


def test_devices_first_load_what_most_of_their_work_is_for(tmp_path: Path) -> None:
    small, large = tmp_path / "small.faa", tmp_path / "large.faa"
    small.write_bytes(b"x" * 1_000)
    large.write_bytes(b"x" * 3_000)
    files = [InputFile(str(path), path.name) for path in (small, large)]
    models = [prepared(ESM, files[1]), prepared(ESM, files[0])]
    assert [one.model for one in first_models(specs(1, 1, 1, 1), models, None)] == [0, 0, 0, 1]
    # What is left of a stored run is known.
    assert [one.model for one in first_models(specs(1, 1), models, [0.0, 5.0])] == [1, 1]
    assert [one.model for one in first_models(specs(1, 1), models, [0.0, 0.0])] == [0, 0]
