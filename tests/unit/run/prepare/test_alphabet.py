"""Inputs are read in the alphabet of the model, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.cli.commands.plan import plan
from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.options import DeviceOptions, ModelOptions
from tui_balancer.cli.settings import run_settings
from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.embedding.families.table import FAMILIES, MODELS, SMALLEST_MODEL
from tui_balancer.embedding.settings import ReadAs
from tui_balancer.errors import UserError
from tui_balancer.inputs import scan as scanning
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.run.lab.policy_comparison import scanned_units
from tui_balancer.run.prepare.prepare import PreparedRun, prepare
from tui_balancer.run_folder.settings_json import refuse_differences, stored_settings
from tui_balancer.settings import DeviceSettings, RunSettings

UNTRAINED = f"untrained:{SMALLEST_MODEL}"


@pytest.fixture
def alphabet(monkeypatch: pytest.MonkeyPatch) -> Alphabet:
    found = Alphabet(PROTEIN.letters, before=0, after=3)
    monkeypatch.setattr(Esm2Shape, "alphabet", found)
    return found


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.fasta"
    path.parent.mkdir()
    path.write_text(">a\nMKVLA\n")
    return path


def test_a_run_reads_and_costs_its_inputs_by_the_model(
    alphabet: Alphabet, fasta: Path, tmp_path: Path
) -> None:
    asked = RunSettings(
        (str(fasta),), tmp_path / "out", UNTRAINED, devices=DeviceSettings(devices="cpu")
    )
    assert prepare(asked, resuming=None).settings.reading.alphabet == alphabet


def test_its_maximum_length_is_the_models_unless_one_was_given(fasta: Path, tmp_path: Path) -> None:
    def length(asked: int | None) -> int:
        settings = run_settings(
            (str(fasta),),
            tmp_path / "out",
            ModelOptions(model=(UNTRAINED,)),
            DeviceOptions(devices="cpu"),
            embedding=EmbeddingOptions(max_length=asked),
        )
        return prepare(settings, resuming=None).models[0].embedding.max_length

    assert length(None) == FAMILIES[Esm2Shape.family].max_length
    assert length(9) == 9


def test_so_do_a_plan_and_a_simulation(
    alphabet: Alphabet, fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unit,) = scanned_units([fasta], SMALLEST_MODEL)
    assert unit.cost == MODELS[SMALLEST_MODEL].flops(5 + 3, (5 + 3) ** 2)
    seen: list[Alphabet] = []
    scan = scanning.scan_file

    def noting(file: object, rules: ReadingRules, *rest: object) -> object:
        seen.append(rules.alphabet)
        return scan(file, rules, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(scanning, "scan_file", noting)
    plan(str(fasta), model=ModelOptions(model=(UNTRAINED,)))
    assert seen == [alphabet]


def test_structures_are_read_where_they_are_asked_for(fasta: Path, tmp_path: Path) -> None:
    def prepared(model: str, read_as: ReadAs | None) -> PreparedRun:
        settings = run_settings(
            (str(fasta),),
            tmp_path / "out",
            ModelOptions(model=(model,), read_as=read_as),
            DeviceOptions(devices="cpu"),
        )
        return prepare(settings, resuming=None)

    structures = prepared("untrained:ProstT5", "3di")
    assert structures.settings.reading.alphabet.structures
    assert structures.models[0].source.label == "untrained ProstT5 (seed 0) of structures"
    assert stored_settings(structures.record, tmp_path / "out").read_as == "3di"
    proteins = prepared("untrained:ProstT5", None)
    assert not proteins.settings.reading.alphabet.structures
    with pytest.raises(UserError, match=r"--model is .* of structures there") as refused:
        refuse_differences(
            structures.record,
            proteins.settings,
            [(proteins.models[0].source, proteins.models[0].embedding)],
            proteins.devices,
        )
    # The letters follow from the model, and are no option.
    assert "letters" not in str(refused.value)
    with pytest.raises(UserError, match=r"reads no structures, as ProstT5 does; leave it out$"):
        prepared(UNTRAINED, "3di")
