"""A run that is still being prepared, as a screen holds it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tui_balancer.errors import UserError
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.live.starting import OpeningRun
from tui_balancer.run.prepare.checking import OnStep
from tui_balancer.run.prepare.prepare import PreparedRun, prepare, require_sense
from tui_balancer.scheduler.commands import PauseAll
from tui_balancer.settings import DeviceSettings, RunSettings
from tui_balancer.view.handle import Phase, Step

PATIENCE_SECONDS = 60.0


def proteins(folder: Path) -> None:
    (folder / "proteins").mkdir()
    (folder / "proteins" / "a.faa").write_text(">a\nMKV\n")


def settings(tmp_path: Path, *inputs: str) -> RunSettings:
    return RunSettings(
        inputs=inputs or (str(tmp_path / "proteins"),),
        output=tmp_path / "out",
        model="untrained:esm2_t6_8M_UR50D",
        devices=DeviceSettings("cpu", cpu_workers=1),
    )


class Gate:
    """A preparation that stands still until it is let on."""

    def __init__(self, asked: RunSettings) -> None:
        self.asked = asked
        self.reached, self.opened = threading.Event(), threading.Event()

    def prepare(self, on_step: OnStep) -> PreparedRun:
        on_step(Step("finding the inputs", 12_000, unit="files"))
        self.reached.set()
        assert self.opened.wait(PATIENCE_SECONDS)
        return prepare(self.asked, on_step=on_step)


def opened(run: OpeningRun) -> OpeningRun:
    assert run.settled.wait(PATIENCE_SECONDS)
    return run


def test_what_is_being_prepared_is_shown_and_nothing_can_be_commanded(tmp_path: Path) -> None:
    gate = Gate(settings(tmp_path))
    run = OpeningRun(gate.asked, gate.prepare, RunSession)
    run.start()
    assert gate.reached.wait(PATIENCE_SECONDS)
    seen = run.snapshot()
    assert seen.phase is Phase.PREPARING
    assert seen.step is not None
    assert seen.step.amount == "12,000 files"
    assert (seen.model_label, seen.untrained) == ("untrained esm2_t6_8M_UR50D", True)
    assert run.execute(PauseAll()).message == "the run has not started yet"
    assert run.units() == ()
    assert run.summary() is None
    gate.opened.set()
    opened(run)


def test_the_run_takes_over_once_it_has_begun(tmp_path: Path) -> None:
    proteins(tmp_path)
    asked = settings(tmp_path)
    run = OpeningRun(asked, lambda on_step: prepare(asked, on_step=on_step), RunSession)
    run.start()
    session = opened(run).session
    assert session is not None
    try:
        assert run.snapshot().phase is Phase.SCANNING
        assert run.snapshot().scan.files_found == 1
        assert not run.call_off()
        assert run.log_folder() == session.log_folder()
    finally:
        session.close()


def test_a_run_that_cannot_begin_says_why_at_the_next_look(tmp_path: Path) -> None:
    asked = settings(tmp_path)
    run = OpeningRun(asked, lambda on_step: prepare(asked, on_step=on_step), RunSession)
    run.start()
    with pytest.raises(UserError, match="no such file or folder"):
        opened(run).snapshot()


def test_a_run_that_is_called_off_never_begins(tmp_path: Path) -> None:
    proteins(tmp_path)
    gate = Gate(settings(tmp_path))
    begun: list[PreparedRun] = []

    def begin(prepared: PreparedRun) -> RunSession:
        begun.append(prepared)
        return RunSession(prepared)

    run = OpeningRun(gate.asked, gate.prepare, begin)
    run.start()
    assert gate.reached.wait(PATIENCE_SECONDS)
    assert run.call_off()
    gate.opened.set()
    opened(run)
    assert begun == []
    assert run.problem is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": ("protiens",)}, "no such file or folder: protiens"),
        ({"model": "esm2_t6_9M"}, "esm2_t6_8M_UR50D"),
        ({"devices": DeviceSettings("gpu")}, "unknown device 'gpu'"),
    ],
)
def test_slips_of_the_pen_are_told_before_there_is_a_screen(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    asked = {"inputs": (str(tmp_path),), "output": tmp_path / "out", "model": "esm2_t6_8M_UR50D"}
    with pytest.raises(UserError, match=words):
        require_sense(RunSettings(**(asked | change)))  # type: ignore[arg-type]


def test_a_glob_is_refused_at_the_first_glance_unless_it_matches_something(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        require_sense(settings(tmp_path, f"{tmp_path}/*.faa"))
    (tmp_path / "one.faa").write_text(">P1\nMKV\n")
    require_sense(settings(tmp_path, f"{tmp_path}/*.faa"))
