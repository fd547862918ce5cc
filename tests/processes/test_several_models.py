"""One run with two models: each gives what it gives in a run alone, also with deaths and stops."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.flat_settings import flat_settings
from tests.support.sessions import completed, finished, held, leftovers, session, wait_for_row
from tui_balancer.errors import UserError
from tui_balancer.export.export import export, verify
from tui_balancer.export.merge import merge
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.history.history import read_history
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.run.prepare.resume import Resuming
from tui_balancer.run_folder.settings_json import settings_of
from tui_balancer.settings import RunSettings

pytestmark = pytest.mark.usefixtures("preloaded")

FILES = 4


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of which two have sequences in common."""
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=FILES, sequences=40, seed=5)
    first, second, *_ = sorted(folder.iterdir())
    second.write_text(second.read_text() + first.read_text())
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    narrow = make_checkpoint(folder / "narrow.pt", 2, 40, 4)
    return narrow, make_checkpoint(folder / "wide.pt", 3, 160, 8)


@pytest.fixture(scope="module")
def alone(
    proteins: Path,
    models: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
    preloaded: None,
) -> dict[str, bytes]:
    """The outputs of a run with each model, named as those of a run with both."""
    made: dict[str, bytes] = {}
    for model in models:
        folder = tmp_path_factory.mktemp("alone")
        assert completed(session(proteins, model, folder, cpu_workers=1)).done == FILES
        for path in folder.rglob("*_ESM.*"):
            made[path.name.replace("_ESM", f"_{model.stem}")] = path.read_bytes()
    return made


def settings_for(
    proteins: Path, models: tuple[Path, Path], output: Path, **others: Any
) -> RunSettings:
    given = {"cpu_workers": 2, "cpu_threads": 1, "batch_tokens": 256} | others
    first = flat_settings(
        inputs=(str(proteins),), output=output, model=str(models[0]), devices="cpu", **given
    )
    return RunSettings.of_models([first, replace(first, model=str(models[1]))])


def started(settings: RunSettings, resuming: Resuming = Resuming()) -> RunSession:  # noqa: B008
    run = RunSession(prepare(settings, resuming=resuming))
    run.start()
    return run


def made(folder: Path) -> dict[str, bytes]:
    """Return the outputs and tables in a run folder."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.suffix in (".pt", ".tsv") and not path.name.startswith("merged")
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_each_model_gives_the_bytes_that_it_gives_alone(
    workers: int,
    proteins: Path,
    models: tuple[Path, Path],
    alone: dict[str, bytes],
    tmp_path: Path,
) -> None:
    run = started(settings_for(proteins, models, tmp_path / "out", cpu_workers=workers))
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (2 * FILES, (), 0)
    assert summary.model_label == "narrow + wide"
    assert made(tmp_path / "out") == alone
    assert leftovers(tmp_path / "out") == []
    assert verify(tmp_path / "out").problems == ()


def test_a_worker_killed_in_mid_file_costs_nothing_but_time(
    proteins: Path, models: tuple[Path, Path], alone: dict[str, bytes], tmp_path: Path
) -> None:
    run = started(settings_for(proteins, models, tmp_path / "out"))
    with held(run) as row:
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    wait_for_row(run, lambda one: one.device == row.device and one.restarts == 1)
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (2 * FILES, (), 0)
    assert made(tmp_path / "out") == alone


def test_a_stopped_run_resumes_with_what_its_folder_says(
    proteins: Path, models: tuple[Path, Path], alone: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    run = started(settings_for(proteins, models, folder))
    with held(run):
        run.close()
    stopped = run.summary()
    assert stopped is not None
    assert stopped.waiting > 0
    summary = finished(started(settings_of(folder)))
    assert (summary.done, summary.failed, summary.waiting) == (2 * FILES, (), 0)
    assert made(folder) == alone
    past = FinishedRun(folder).summary()
    assert (past.done, past.model_label) == (2 * FILES, "narrow + wide")
    assert [unit.model for unit in read_history(folder).units] == [0] * FILES + [1] * FILES


def test_a_new_input_and_a_lost_output_are_made_for_the_models_that_lack_them(
    proteins: Path, models: tuple[Path, Path], alone: dict[str, bytes], tmp_path: Path
) -> None:
    inputs, folder = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for path in proteins.iterdir():
        (inputs / path.name).write_bytes(path.read_bytes())
    new = inputs / "new.faa"
    assert finished(started(settings_for(inputs, models, folder))).done == 2 * FILES
    before = made(folder)
    new.write_text(">n\nMKVLAAGIVGLNW\n")
    lost = next(name for name in before if name.endswith("_wide.pt"))
    (folder / lost).unlink()
    again = finished(started(settings_of(folder), Resuming(rescan=True)))
    assert (again.done, again.earlier.files) == (2 * FILES + 2, 2 * FILES - 1)
    after = made(folder)
    assert after.items() >= before.items()
    assert set(after) - set(before) == {
        f"new_{model.stem}{suffix}" for model in models for suffix in (".pt", ".tsv")
    }


def test_other_models_are_another_run(
    proteins: Path, models: tuple[Path, Path], tmp_path: Path
) -> None:
    both = settings_for(proteins, models, tmp_path / "out")
    started(both).close()
    with pytest.raises(UserError, match=r"--model is narrow \+ wide there, narrow was asked"):
        prepare(both.by_model[0])
    turned = RunSettings.of_models(both.by_model[::-1])
    with pytest.raises(UserError, match="--model is narrow there, wide was asked"):
        prepare(turned)


def test_each_model_has_its_own_inputs_where_they_are_named(
    proteins: Path, models: tuple[Path, Path], alone: dict[str, bytes], tmp_path: Path
) -> None:
    first, second = settings_for(proteins, models, tmp_path / "out").by_model
    one, *_ = sorted(proteins.iterdir())
    both = RunSettings.of_models([first, replace(second, inputs=(str(one),))])
    assert finished(started(both)).done == FILES + 1
    there = made(tmp_path / "out")
    assert {name for name in there if "_wide" in name} == {
        f"{one.stem}_wide.pt",
        f"{one.stem}_wide.tsv",
    }
    assert there.items() <= alone.items()


def test_outputs_of_two_models_are_exported_and_merged_model_by_model(
    proteins: Path, models: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    assert finished(started(settings_for(proteins, models, folder))).done == 2 * FILES
    assert export(folder, ["npz"]).outputs == 2 * FILES
    merged = merge(folder, ["h5"])
    names = [path.name for path in merged.paths]
    assert names == ["merged.narrow.h5", "merged.narrow.tsv", "merged.wide.h5", "merged.wide.tsv"]
    assert (merged.files, merged.left) == (2 * FILES, 0)
    assert verify(folder).problems == ()
    assert not merge(folder, ["h5"]).written_now
