"""The look at model and devices in its own process, and all the ways it can end."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from tui_balancer.devices.selection import DeviceRequest
from tui_balancer.embedding.families.requests import CheckpointModel, UntrainedModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.errors import UserError
from tui_balancer.workers.preflight import messages
from tui_balancer.workers.preflight import preflight as module
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest, Received
from tui_balancer.workers.preflight.preflight import preflight
from tui_balancer.workers.process import warm

AUTO = DeviceRequest(("auto",))
PROCESSOR = DeviceRequest(("cpu",))
UNTRAINED = UntrainedModel("esm2_t6_8M_UR50D", seed=3)


@pytest.fixture(autouse=True)
def _a_gpu_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "may_have_gpus", lambda: True)


def test_a_checkpoint_is_checked_and_the_devices_are_seen(
    model: ModelSource, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert model.checkpoint is not None
    report = preflight(PreflightRequest(CheckpointModel(model.checkpoint), AUTO))

    assert report.model == model
    assert "cpu" in [info.device for info in report.devices]
    assert capfd.readouterr() == ("", "")


def test_a_layer_that_the_checkpoint_does_not_have_is_refused(model: ModelSource) -> None:
    assert model.checkpoint is not None
    with pytest.raises(UserError, match="no layer 7"):
        preflight(PreflightRequest(CheckpointModel(model.checkpoint), AUTO, repr_layers=(7,)))


def test_a_number_format_is_measured_on_the_processor() -> None:
    report = preflight(PreflightRequest(UNTRAINED, PROCESSOR, measured="fp16"))

    (speed,) = (info.relative_speed for info in report.devices if info.device == "cpu")
    assert speed is not None
    assert speed > 0


def no_process(*_: object, **__: object) -> None:
    raise AssertionError("a process was started")


def test_an_untrained_model_on_the_processor_takes_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warm, "spawn", no_process)
    report = preflight(PreflightRequest(UNTRAINED, PROCESSOR))

    assert report.model == UNTRAINED.source()
    assert [info.device for info in report.devices] == ["cpu"]


def test_where_no_gpu_can_be_no_process_looks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "may_have_gpus", lambda: False)
    monkeypatch.setattr(warm, "spawn", no_process)

    assert [info.device for info in preflight(PreflightRequest(UNTRAINED, AUTO)).devices] == ["cpu"]


def test_a_layer_is_checked_without_a_process_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "spawn", no_process)
    with pytest.raises(UserError, match="no layer 7"):
        preflight(PreflightRequest(UNTRAINED, PROCESSOR, repr_layers=(7,)))


def downloads(request: PreflightRequest, channel: Connection) -> None:
    """Stand in for the process: a download of two pieces."""
    print("a line from the depths", flush=True)
    channel.send(Received(10, 30))
    channel.send(Received(30, 30))
    channel.send(PreflightReport(None, ()))


def test_a_download_is_followed_and_the_processs_own_words_go_nowhere(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "preflight_main", downloads)
    heard: list[tuple[int, int]] = []
    preflight(PreflightRequest(None, AUTO), lambda *bytes: heard.append(bytes))

    assert heard == [(10, 30), (30, 30)]
    assert capfd.readouterr() == ("", "")


def crashes(request: PreflightRequest, channel: Connection) -> None:
    """Stand in for the process: a driver takes it down."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_crash_is_a_line_for_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "preflight_main", crashes)
    with pytest.raises(UserError, match="killed by SIGKILL"):
        preflight(PreflightRequest(None, AUTO))


def hangs(request: PreflightRequest, channel: Connection) -> None:
    """Stand in for the process: a driver never answers."""
    signal.pause()


def test_a_process_that_falls_silent_is_given_up_and_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "preflight_main", hangs)
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.01)
    before = set(psutil.Process().children())
    with pytest.raises(UserError, match="check the drivers"):
        preflight(PreflightRequest(None, AUTO))

    assert set(psutil.Process().children()) <= before


def test_a_torch_that_cannot_be_imported_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "torch"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('libcudart.so.99: not\\nfound')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"torch does not work here: .*libcudart.so.99: not found"):
        preflight(PreflightRequest(None, AUTO))
