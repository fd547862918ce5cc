"""Settings on their way into the ledger, out of it, and held against others."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.records import OF_THE_MODEL, ReadingRules
from tui_balancer.ledger.records import RunRecord
from tui_balancer.run_folder.settings_json import (
    Embedded,
    refuse_differences,
    run_record,
    stored_settings,
    with_stored_defaults,
)
from tui_balancer.scheduler.model import CountSettings
from tui_balancer.settings import (
    BalancingSettings,
    DeviceSettings,
    EmbeddingChoice,
    OutputSettings,
    RunSettings,
)

MODEL = UntrainedModel("esm2_t6_8M_UR50D", seed=3).source()
SETTINGS = RunSettings(
    inputs=("/data/proteins", "/data/*.faa"),
    output=Path("/runs/out"),
    model="untrained:esm2_t6_8M_UR50D",
    devices=DeviceSettings(
        "cpu", workers_per_gpu="auto", cpu_workers=2, weights="2,1", hang_floor=12.5
    ),
    balancing=BalancingSettings(
        CountSettings(ratio=1.5, difference=4, minimum=2, interval_seconds=1.0), stealing=False
    ),
    reading=ReadingRules(max_length=500, allow_nucleotide=True),
    seed=3,
)
EMBEDDING = EmbeddingSettings(max_length=500, batch_tokens=1024)
EMBEDDED = (MODEL, EMBEDDING)
CPUS = tuple(SelectedDevice(name, "a CPU", None, threads=4) for name in ("cpu:0", "cpu:1"))
CARD = (SelectedDevice("cuda:0", "a card", None),)


def stored() -> RunRecord:
    """The run as it comes back from the ledger's JSON."""
    record = run_record(SETTINGS, [EMBEDDED], CPUS)
    return replace(record, settings=json.loads(json.dumps(record.settings)))


def refuse(
    settings: RunSettings = SETTINGS,
    model: ModelSource = MODEL,
    embedding: EmbeddingSettings = EMBEDDING,
    devices: Sequence[SelectedDevice] = CPUS,
) -> None:
    refuse_differences(stored(), settings, [(model, embedding)], devices)


def test_what_comes_back_is_what_was_asked_with_the_defaults_as_they_were_then() -> None:
    back = stored_settings(stored(), SETTINGS.output)
    assert back == replace(
        SETTINGS,
        embedding=EmbeddingChoice(repr_layers=(6,), batch_tokens=1024, precision="fp32"),
        devices=replace(SETTINGS.devices, cpu_threads=4),
    )


def test_relative_inputs_and_checkpoints_are_meant_from_where_they_were_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = replace(SETTINGS, inputs=("proteins/",), model="models/mine.pt")
    back = stored_settings(run_record(asked, [EMBEDDED], CPUS), Path("out"))
    assert back.inputs == (str(tmp_path / "proteins"),)
    assert back.model == str(tmp_path / "models" / "mine.pt")


def test_a_name_that_is_no_text_survives() -> None:
    odd = "/data/\udcff.fasta"
    record = run_record(replace(SETTINGS, inputs=(odd,)), [EMBEDDED], CPUS)
    back = replace(record, settings=json.loads(json.dumps(record.settings)))
    assert stored_settings(back, SETTINGS.output).inputs == (odd,)


def test_the_same_run_is_not_refused_and_neither_is_another_name_for_the_same_layer() -> None:
    refuse()
    refuse(embedding=replace(EMBEDDING, repr_layers=(6,)))


def test_what_decides_no_byte_may_differ() -> None:
    elsewhere = DeviceSettings("cuda", cpu_workers=1)
    refuse(settings=replace(SETTINGS, devices=elsewhere, balancing=BalancingSettings()))


def test_a_run_may_go_on_with_other_kinds_of_devices() -> None:
    refuse(devices=CARD)


@pytest.mark.parametrize(
    ("asked", "difference"),
    [
        (
            {"embedding": replace(EMBEDDING, repr_layers=(2, 3))},
            "--repr-layers is 6 there, 2,3 was asked",
        ),
        (
            {"embedding": replace(EMBEDDING, include=("bos",))},
            "--include is mean there, bos was asked",
        ),
        (
            {"settings": replace(SETTINGS, reading=replace(SETTINGS.reading, max_length=9))},
            "--max-length is 500 there, 9 was asked",
        ),
        (
            {"embedding": replace(EMBEDDING, dereplicate=False)},
            "computing copies once (--no-dereplication) is on there, off was asked",
        ),
        (
            {"settings": replace(SETTINGS, outputs=OutputSettings(("h5", "npz")))},
            "--format is virnucpro there, h5,npz was asked",
        ),
        (
            {"embedding": replace(EMBEDDING, batch_tokens=64)},
            "--batch-tokens is 1024 there, 64 was asked",
        ),
        (
            {"embedding": replace(EMBEDDING, precision="bf16")},
            "--precision is fp32 there, bf16 was asked",
        ),
        (
            {"settings": replace(SETTINGS, reading=ReadingRules(500, False))},
            "--allow-nucleotide is on there, off was asked",
        ),
        (
            {"devices": (replace(CPUS[0], threads=2),)},
            "--cpu-threads is 4 there, 2 was asked",
        ),
        (
            {"model": UntrainedModel("esm2_t6_8M_UR50D", seed=4).source()},
            "--model is untrained esm2_t6_8M_UR50D (seed 3) there, "
            "untrained esm2_t6_8M_UR50D (seed 4) was asked",
        ),
        (
            {"model": ModelSource(MODEL.label, MODEL.name, MODEL.shape, Path("x.pt"), "ab", None)},
            "the model's sha256 is none there, ab was asked",
        ),
    ],
)
def test_what_decides_the_result_may_not_differ(asked: dict[str, Any], difference: str) -> None:
    with pytest.raises(UserError) as refusal:
        refuse(**asked)
    (told,) = str(refusal.value).splitlines()
    assert f"/runs/out holds a run with other settings: {difference}. Ask" in told


def test_defaults_of_the_machine_are_taken_from_the_run_unless_they_were_given() -> None:
    filled = with_stored_defaults(SETTINGS, stored())
    assert (filled.embedding.batch_tokens, filled.devices.cpu_threads) == (1024, 4)
    asked = replace(
        SETTINGS,
        embedding=EmbeddingChoice(batch_tokens=7),
        devices=DeviceSettings("cpu", cpu_threads=1),
    )
    given = with_stored_defaults(asked, stored())
    assert (given.embedding.batch_tokens, given.devices.cpu_threads) == (7, 1)


def test_a_length_that_is_left_to_the_model_is_that_of_the_run() -> None:
    def length(asked: int) -> int:
        reading = replace(SETTINGS.reading, max_length=asked)
        return with_stored_defaults(replace(SETTINGS, reading=reading), stored()).reading.max_length

    assert (length(OF_THE_MODEL), length(7)) == (500, 7)


def test_what_an_older_version_did_not_know_is_as_it_was_then() -> None:
    old = stored()
    del old.settings["reading"]["strict"]
    del old.settings["shards"]  # type: ignore[attr-defined]
    refuse_differences(old, SETTINGS, [EMBEDDED], CPUS)


def test_what_a_newer_version_knew_is_not_ignored() -> None:
    new = stored()
    new.settings["embedding"]["dropout"] = 0.1
    with pytest.raises(UserError, match=r"newer version of the program, with embedding\.dropout"):
        refuse_differences(new, SETTINGS, [EMBEDDED], CPUS)
    new = stored()
    new.settings["balancing"]["policy"]["kind"] = "auction"
    with pytest.raises(UserError, match=r"newer version of the program, with .*auction"):
        refuse_differences(new, SETTINGS, [EMBEDDED], CPUS)


OTHER = UntrainedModel("esm2_t12_35M_UR50D", seed=3).source()
TWO = replace(
    RunSettings.of_models(
        [SETTINGS, replace(SETTINGS, model="untrained:esm2_t12_35M_UR50D", inputs=("/data/more",))]
    ),
    marks=("_a", "_b"),
)


def stored_pair() -> RunRecord:
    """A run with two models as it comes back from the ledger's JSON."""
    record = run_record(TWO, [EMBEDDED, (OTHER, replace(EMBEDDING, batch_tokens=64))], CPUS)
    return replace(record, settings=json.loads(json.dumps(record.settings)))


def test_the_settings_of_each_of_two_models_come_back() -> None:
    record = stored_pair()
    assert record.model == f"{MODEL.label} + {OTHER.label}"
    first, second = stored_settings(record, TWO.output).by_model
    assert first == stored_settings(stored(), SETTINGS.output)
    assert (second.model, second.inputs) == ("untrained:esm2_t12_35M_UR50D", ("/data/more",))
    kept = second.embedding
    assert (kept.repr_layers, kept.batch_tokens, second.reading) == ((12,), 64, SETTINGS.reading)
    assert stored_settings(record, TWO.output).marks == ("_a", "_b")
    defaults = with_stored_defaults(TWO, record).by_model
    assert [one.embedding.batch_tokens for one in defaults] == [1024, 64]


def test_one_model_is_stored_as_before_there_could_be_several() -> None:
    assert not {"further", "marks"} & run_record(SETTINGS, [EMBEDDED], CPUS).settings.keys()


@pytest.mark.parametrize(
    ("second", "difference"),
    [
        ((OTHER, replace(EMBEDDING, batch_tokens=64)), ""),
        ((OTHER, EMBEDDING), "--batch-tokens is 64 there, 1024 was asked"),
        (
            (replace(OTHER, label="x"), replace(EMBEDDING, batch_tokens=64)),
            f"--model is {OTHER.label} there, x was asked",
        ),
    ],
)
def test_a_difference_in_the_second_model_is_told(second: Embedded, difference: str) -> None:
    if not difference:
        refuse_differences(stored_pair(), TWO, [EMBEDDED, second], CPUS)
        return
    with pytest.raises(UserError, match=re.escape(difference)):
        refuse_differences(stored_pair(), TWO, [EMBEDDED, second], CPUS)
