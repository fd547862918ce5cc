"""The check of models: a stored run's is trusted while its checkpoint is the same."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.checkpoints.stamps import stamp_of
from tui_balancer.embedding.families.requests import CheckpointModel, ModelRequest, NamedModel
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.ledger.records import RunRecord
from tui_balancer.run.prepare import checking as module
from tui_balancer.run.prepare.checking import check_models
from tui_balancer.run_folder.settings_json import run_record
from tui_balancer.settings import RunSettings
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest

CPU = DeviceInfo("cpu", "EPYC", None)
DEVICES = (SelectedDevice.of(CPU, "cpu:0"),)


@pytest.fixture
def source(tmp_path: Path) -> ModelSource:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"weights")
    shape = MODELS["esm2_t6_8M_UR50D"]
    return ModelSource("mine", "mine", shape, path, "5a", None, stamp_of(path))


@pytest.fixture
def checked(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> list[ModelRequest | None]:
    """The models that were checked; every one turns out to be `source`."""
    requests: list[ModelRequest | None] = []

    def preflight(request: PreflightRequest, *_: object) -> PreflightReport:
        requests.append(request.model)
        return PreflightReport(None if request.model is None else source, (CPU,))

    monkeypatch.setattr(module, "preflight", preflight)
    return requests


def asked(model: str, tmp_path: Path) -> RunSettings:
    return RunSettings((str(tmp_path),), tmp_path / "out", model)


def stored(settings: RunSettings, source: ModelSource) -> RunRecord:
    return run_record(settings, [(source, EmbeddingSettings())], DEVICES)


def test_an_unchanged_model_of_a_stored_run_is_not_checked(
    source: ModelSource,
    checked: list[ModelRequest | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = asked(str(source.checkpoint), tmp_path)
    run = stored(settings, source)
    assert check_models(settings, None, lambda _: None, run=run)[0] == [source]
    monkeypatch.chdir(tmp_path)
    by_name = check_models(asked("mine.pt", tmp_path), None, lambda _: None, run=run)
    assert by_name == ([source], PreflightReport(None, (CPU,)))
    assert checked == [None, None]


def test_a_changed_or_another_model_is_checked_and_so_are_all_of_a_new_run(
    source: ModelSource, checked: list[ModelRequest | None], tmp_path: Path
) -> None:
    settings = asked(str(source.checkpoint), tmp_path)
    run = stored(settings, source)
    assert source.checkpoint is not None
    check_models(settings, None, lambda _: None)
    check_models(asked("esm2_t6_8M_UR50D", tmp_path), None, lambda _: None, run=run)
    os.utime(source.checkpoint, ns=(0, 0))
    assert check_models(settings, None, lambda _: None, run=run)[0] == [source]

    this = CheckpointModel(source.checkpoint)
    assert checked == [this, NamedModel("esm2_t6_8M_UR50D"), this]


def test_of_several_models_each_is_known_or_checked(
    source: ModelSource, checked: list[ModelRequest | None], tmp_path: Path
) -> None:
    first = asked(str(source.checkpoint), tmp_path)
    both = RunSettings.of_models([first, replace(first, model="esm2_t12_35M_UR50D")])
    sources, report = check_models(both, None, lambda _: None, run=stored(first, source))

    assert sources == [source, source]
    assert checked == [None, NamedModel("esm2_t12_35M_UR50D")]
    assert report.devices == (CPU,)
