"""A run's model in its ledger: the same as long as its checkpoint has not changed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui_balancer.embedding.checkpoints.stamps import stamp_of
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.models import ModelSource
from tui_balancer.run_folder.stored_models import model_json, unchanged_model

SHAPE = MODELS["esm2_t6_8M_UR50D"]


@pytest.fixture(params=["file", "folder"])
def source(tmp_path: Path, request: pytest.FixtureRequest) -> ModelSource:
    path = tmp_path / "mine.pt"
    weights = path
    if request.param == "folder":
        path.mkdir()
        weights = path / "model.safetensors"
    weights.write_bytes(b"weights")
    return ModelSource("mine", "mine", SHAPE, path, "5a", None, stamp_of(path))


def stored(source: ModelSource) -> dict[str, Any]:
    """The model as it comes back from the ledger's JSON."""
    content: dict[str, Any] = json.loads(json.dumps(model_json(source)))
    return content


def weights(source: ModelSource) -> Path:
    assert source.checkpoint is not None
    return next(source.checkpoint.iterdir()) if source.checkpoint.is_dir() else source.checkpoint


def test_an_unchanged_checkpoint_is_the_model_that_was_checked(source: ModelSource) -> None:
    assert unchanged_model(stored(source)) == source


def test_another_time_or_size_or_none_is_no_known_model(source: ModelSource) -> None:
    there, file = stored(source), weights(source)
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert unchanged_model(there) is None

    there = stored(replace(source, stamp=stamp_of(source.checkpoint or Path())))
    assert unchanged_model(there) is not None
    time = file.stat().st_mtime_ns
    file.write_bytes(b"longer weights")
    os.utime(file, ns=(time, time))
    assert unchanged_model(there) is None

    file.unlink()
    assert unchanged_model(there) is None


def test_what_could_not_be_read_when_it_was_checked_stays_unknown(source: ModelSource) -> None:
    there = stored(replace(source, stamp=()))
    weights(source).unlink()
    if source.checkpoint is not None and source.checkpoint.is_dir():
        source.checkpoint.rmdir()

    assert unchanged_model(there) is None


def test_a_model_without_a_named_architecture_or_without_weights_is_compared_only(
    source: ModelSource,
) -> None:
    narrow = replace(source, shape=replace(SHAPE, width=SHAPE.width + 20))
    assert stored(narrow) == {"label": "mine", "sha256": "5a"}
    untrained = UntrainedModel("esm2_t6_8M_UR50D", 0).source()
    assert stored(untrained) == {"label": untrained.label, "sha256": ""}
    assert unchanged_model(stored(narrow)) is None


def test_what_an_older_or_newer_version_wrote_is_no_known_model(source: ModelSource) -> None:
    assert unchanged_model({"label": "mine", "sha256": "5a"}) is None
    assert unchanged_model({**stored(source), "shape": "esm9"}) is None
