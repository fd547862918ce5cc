"""Which inputs are added to a run, for which of its models, and where their outputs belong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.ledger_story import FILES
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.run.prepare.adding import InputsHeld, models_of, new_inputs
from tui_balancer.run.prepare.models import PreparedModel
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.scheduler.commands import AddFiles

ESM, DNABERT = "esm2_t6_8M_UR50D", "DNABERT-S"


def run_of(*models: str, inputs: tuple[tuple[str, ...], ...]) -> Any:
    """Return what these functions read of a run."""
    prepared = [
        PreparedModel(
            UntrainedModel(name, 0).source(), EmbeddingSettings(), ReadingRules(), (), f"_{name}"
        )
        for name in models
    ]
    alone = [
        SimpleNamespace(model=f"untrained:{name}", inputs=own)
        for name, own in zip(models, inputs, strict=True)
    ]
    return SimpleNamespace(
        models=prepared, settings=SimpleNamespace(by_model=alone), model_label=" + ".join(models)
    )


def held(*files: tuple[str, str]) -> InputsHeld:
    """Return what a run has, by the paths and mirrored names of its inputs."""
    records = [
        replace(
            FILES[0],
            file_id=number,
            name=name,
            source=source,
            output=f"{name}_ESM.pt",
            exact_name="",
            whole=-1,
        )
        for number, (source, name) in enumerate(files)
    ]
    return InputsHeld(Manifest.of(records, Path("/out"), marks=("_ESM",)))


def test_inputs_go_to_every_model_or_to_the_one_that_is_named() -> None:
    run = run_of(ESM, "esm2_t12_35M_UR50D", inputs=(("/in",), ("/in",)))
    assert models_of(run, AddFiles(("/a",))) == {0: ["/a"], 1: ["/a"]}
    named = AddFiles((), ((f"untrained:{ESM}", "/a"), (ESM, "/b")))
    assert models_of(run, named) == {0: ["/a", "/b"]}
    both = AddFiles(("/a",), ((ESM, "/b"),))
    assert models_of(run, both) == {0: ["/b"], 1: ["/a"]}


def test_an_input_without_a_model_of_its_own_is_refused_where_models_have_them() -> None:
    run = run_of(ESM, DNABERT, inputs=(("/proteins",), ("/genes",)))
    assert models_of(run, AddFiles((), ((DNABERT, "/g"),))) == {1: ["/g"]}
    with pytest.raises(UserError, match=r"^/a has no model: .*--model MODEL=INPUT$"):
        models_of(run, AddFiles(("/a",)))
    with pytest.raises(UserError, match=r"^nobody is not a model of this run, which has .*S$"):
        models_of(run, AddFiles((), (("nobody", "/a"),)))


def test_files_below_the_run_s_folder_are_named_as_if_they_had_been_there() -> None:
    run = run_of(ESM, inputs=(("/in",),))
    found = [
        InputFile("/in/p/b.faa", "b.faa"),
        InputFile("/in/a.faa", "a.faa"),
        InputFile("/other/c.faa", "c.faa"),
    ]
    new = new_inputs(run, held(("/in/a.faa", "a.faa")), {0: found})
    assert new.models[0].inputs == (
        InputFile("/in/p/b.faa", "p/b.faa"),
        InputFile("/other/c.faa", "other/c.faa"),
    )
    assert (new.count, new.known) == (2, 1)
    assert new.scanning == "scanning 2 files; 1 file is in the run already"
    nothing = new_inputs(run, held(("/in/a.faa", "a.faa")), {0: found[1:2]})
    assert nothing.nothing == "nothing to add; 1 file is in the run already"


def test_two_inputs_of_one_name_are_refused() -> None:
    run = run_of(ESM, inputs=(("/in",),))
    # Below the run's folder, and below the root.
    same = [InputFile("/in/p/b.faa", "in/p/b.faa"), InputFile("/p/b.faa", "p/b.faa")]
    with pytest.raises(UserError, match="the same name below /in/: add them one by one"):
        new_inputs(run, held(("/in/a.faa", "a.faa")), {0: same})


def test_what_the_manifest_gets_is_known_from_then_on() -> None:
    run = run_of(ESM, inputs=(("/in",),))
    there = held(("/in/a.faa", "a.faa"))
    late = {0: [InputFile("/in/b.faa", "b.faa")]}
    assert new_inputs(run, there, late).count == 1
    record = replace(there.manifest.files[0], file_id=1, source="/in/b.faa", output="b_ESM.pt")
    there.manifest.extend([record])
    assert new_inputs(run, there, late).count == 0
    assert there.outputs == {"a.faa_esm.pt", "b_esm.pt"}
