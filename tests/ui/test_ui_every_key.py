"""Every key that the screen binds is pressed and does what it is there for; none is left out."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.widgets import OptionList

import tui_balancer.ui
from tests.support.fake_run import FakeRun
from tests.support.pictures import BROKEN, PAUSED, PROBLEMS, RUNNING, many_devices, unit
from tests.support.screen import fake_run, look, until
from tests.support.told_run import told_run
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.scheduler.commands import (
    Command,
    Drain,
    DrainDevice,
    MoveUnits,
    PauseAll,
    PauseDevice,
    ReorderUnits,
    ResumeAll,
    ResumeDevice,
    RetryUnits,
    SkipUnits,
    StopNow,
    Undo,
)
from tui_balancer.scheduler.events import RetryEvent
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.keymap import TABS
from tui_balancer.ui.screens.replay_screen import ReplayScreen
from tui_balancer.ui.state.problem_rows import FailedRow

LOGS = Path(__file__).parents[1] / "data" / "logs"
FAILED = 451

Seen = Callable[[BalancerApp], object]


@dataclass(frozen=True)
class Step:
    """Some keys that show the same thing in turn.

    Attributes:
        owners: Classes that bind them, with spaces between.
        keys: Their names, with spaces between.
        shows: What they change.
        becomes: What that is after each of them.
        first: What is pressed before.
    """

    owners: str
    keys: str
    shows: Seen
    becomes: tuple[object, ...]
    first: str = ""


def run_of(app: BalancerApp) -> FakeRun:
    run = app.link._run
    assert isinstance(run, FakeRun)
    return run


def told(app: BalancerApp) -> Command | None:
    """What the run was asked last."""
    return run_of(app).commands[-1] if run_of(app).commands else None


def kind_told(app: BalancerApp) -> str:
    """What kind of thing: steps of the threshold add up until the run has answered."""
    return type(told(app)).__name__


def notified(app: BalancerApp) -> str:
    """The title of the one notification."""
    (notification,) = app._notifications
    return notification.title


def screen(app: BalancerApp) -> str:
    return type(app.screen).__name__


def tab(app: BalancerApp) -> str:
    return app.run_screen.tabs.current


def focus(app: BalancerApp) -> str | None:
    return app.focused.id if app.focused else None


def cursor(app: BalancerApp) -> int:
    return app.run_screen.queues.files.cursor


def problem(app: BalancerApp) -> object:
    """Number of the failed file under the cursor, or the cause in words."""
    row = app.run_screen.problems.list.cursor_row
    return row.number if isinstance(row, FailedRow) else row and row.group.text


def unfolded(app: BalancerApp) -> int:
    """Rows of files."""
    rows = app.run_screen.problems.list.rows
    return sum(isinstance(row, FailedRow) for row in rows)


def run_with_problems() -> FakeRun:
    run = fake_run()
    again = RetryEvent(0, 700.0, 55, unit(55).name, "cuda:0")
    run.happen([*PROBLEMS, again])
    return run


def tags(app: BalancerApp) -> int:
    return len(app.run_screen.queues.files.tagged)


def order(app: BalancerApp) -> tuple[str, bool]:
    choice = app.run_screen.queues.files.choice
    return choice.sort, choice.backwards


def clipboard(app: BalancerApp) -> str:
    return app.clipboard.split("\t")[0]


def pictures(_app: BalancerApp) -> int:
    return len(list(Path().glob("*.svg")))


def highlighted(app: BalancerApp) -> int | None:
    return app.screen.query_one("OptionList").highlighted  # type: ignore[attr-defined,no-any-return]


def window(app: BalancerApp) -> tuple[float, int]:
    shown = app.run_screen.timeline.gantt.window
    return shown.step, shown.first


def shown_files(app: BalancerApp) -> int:
    return len(app.run_screen.queues.files.rows)


def marked(app: BalancerApp) -> str:
    offer = app.screen.query_one(OptionList)
    return str(offer.get_option_at_index(offer.highlighted or 0).prompt)[:3]


def frozen(app: BalancerApp) -> bool:
    return app.run_screen.header.frozen


def device_rows(app: BalancerApp) -> int:
    return len(app.run_screen.overview.devices.rows)


def kind_of_events(app: BalancerApp) -> str:
    return app.run_screen.steals.log_list.kind


def focused_class(app: BalancerApp) -> str:
    return type(app.focused).__name__


def following(app: BalancerApp) -> tuple[bool, bool]:
    return app.run_screen.timeline.gantt.following, app.run_screen.logs.lines.following


def level(app: BalancerApp) -> int:
    return app.run_screen.logs.lines._level


def shift(app: BalancerApp) -> int:
    return app.run_screen.logs.lines._shift


def moment(app: BalancerApp) -> float:
    return app.run_screen.timeline.gantt.moment[0]


def position(app: BalancerApp) -> float:
    assert isinstance(app.run_screen, ReplayScreen)
    return round(app.run_screen._replay.playback().position, 3)


def playing(app: BalancerApp) -> tuple[bool, float]:
    assert isinstance(app.run_screen, ReplayScreen)
    playback = app.run_screen._replay.playback()
    return playback.playing, playback.speed


def failed_run() -> FakeRun:
    run = fake_run(BROKEN)
    run.ended[FAILED] = 2
    return run


def run_with_logs() -> FakeRun:
    run = fake_run()
    run.logs = LOGS
    return run


SCENES: dict[str, tuple[Callable[[], FakeRun], tuple[Step, ...]]] = {
    "everywhere": (
        fake_run,
        (
            Step("RunScreen", "2 3 4 5 6", tab, TABS[1:]),
            Step("RunScreen", "1", tab, ("overview",)),
            Step("RunScreen", "p", told, (PauseDevice("cuda:0"),)),
            Step("RunScreen", "p", told, (ResumeDevice("cuda:2"),), "down down"),
            Step("RunScreen", "D", told, (DrainDevice("cuda:0"),), "home"),
            Step("RunScreen", "P", told, (PauseAll(),)),
            Step("RunScreen", "u", told, (Undo(),)),
            Step("RunScreen", "A", screen, ("AddDialog",)),
            Step("RunScreen", "d", screen, ("AddDialog",), "escape"),
            Step("RunScreen", "plus", kind_told, ("SetPolicy",), "escape"),
            Step("RunScreen", "equals_sign", kind_told, ("SetPolicy",), "u"),
            Step("RunScreen", "minus", kind_told, ("SetPolicy",), "u"),
            Step("RunScreen", "y", clipboard, ("cuda:0",), "home"),
            Step("RunScreen", "f8", pictures, (1,)),
            Step("BalancerApp", "ctrl+z", notified, ("ctrl+z is off",)),
            Step("RunScreen", "space space", frozen, (True, False)),
            Step("RunScreen", "question_mark", screen, ("HelpScreen",)),
            Step("HelpScreen", "question_mark", screen, ("RunScreen",)),
            Step("HelpScreen", "q", screen, ("RunScreen",), "question_mark"),
            Step("HelpScreen", "enter", screen, ("RunScreen",), "question_mark"),
            Step("RunScreen ManualScreen", "f1 f1", screen, ("ManualScreen", "RunScreen")),
            Step("ManualScreen", "q", screen, ("RunScreen",), "f1"),
            Step("ManualScreen", "escape", screen, ("RunScreen",), "f1"),
            Step(
                "ManualScreen",
                "slash escape escape",
                screen,
                (*["ManualScreen"] * 2, "RunScreen"),
                "f1",
            ),
            Step("Dialog", "escape", screen, ("RunScreen",), "f1"),
            Step("RunScreen", "e", screen, ("ThresholdDialog",)),
            Step("ThresholdDialog", "down up", focus, ("apply", "gain_seconds")),
            Step("RunHeader", "enter", screen, ("DetailDialog",), "escape shift+tab"),
            Step("RunScreen", "exclamation_mark", tab, ("problems",), "escape"),
        ),
    ),
    "paused": (
        lambda: fake_run(PAUSED),
        (
            Step("RunScreen", "P", told, (ResumeAll(),)),
            Step("RunScreen", "q", screen, ("QuitDialog",)),
            Step("QuitDialog", "right left", focus, ("stop", "finish")),
            Step("QuitDialog", "c", screen, ("RunScreen",)),
            Step("QuitDialog", "f", told, (Drain(),), "q"),
            Step("QuitDialog", "s", told, (StopNow(),), "q"),
        ),
    ),
    "overview": (
        lambda: fake_run(replace(RUNNING, devices=many_devices(64))),
        (
            Step("OverviewView", "z z", device_rows, (39, 12)),
            Step("OverviewView", "w", screen, ("WhyDialog",), "down"),
            Step("OverviewView", "c", screen, ("ColumnsDialog",), "escape"),
            Step("OverviewView RowList", "enter", screen, ("DetailDialog",), "escape"),
            Step("DetailDialog", "y", clipboard, ("cuda:2",)),
            Step("DetailDialog", "enter", screen, ("RunScreen",)),
            Step("DetailDialog", "q", screen, ("RunScreen",), "enter"),
        ),
    ),
    "queues": (
        fake_run,
        (
            Step("RowList", "down up j k", cursor, (1, 0, 1, 0), "2 home"),
            Step("RowList", "end home G g", cursor, (1203, 0, 1203, 0)),
            Step("RowList", "pagedown pageup", cursor, (32, 0)),
            Step("QueuesView", "t", tags, (1,), "down down"),
            Step("QueuesView", "T a T", tags, (0, 179, 0)),
            Step("QueuesView", "f", told, (ReorderUnits((100,), first=True),), "up"),
            Step("QueuesView", "l", told, (ReorderUnits((100,), first=False),)),
            Step("QueuesView", "x", told, (SkipUnits((100,)),)),
            Step("QueuesView", "m", screen, ("MoveDialog",)),
            Step("Choices", "j k", highlighted, (1, 3)),
            Step("OptionList", "enter", told, (MoveUnits((100,), "cuda:3"),)),
            Step("QueuesView", "s", order, (("file", False),)),
            Step("QueuesView", "S", order, (("file", True),)),
            Step("QueuesView", "c", screen, ("ColumnsDialog",)),
            Step("Choices", "j k", highlighted, (2, 1)),
            Step("ColumnsDialog", "shift+down right_square_bracket", highlighted, (2, 3)),
            Step("ColumnsDialog", "shift+up left_square_bracket", highlighted, (2, 1)),
            Step("ColumnsDialog", "space space", marked, ("[ ]", "[x]")),
            Step("ColumnsDialog", "d", marked, ("[x]",), "space"),
            Step("QueuesView RowList", "enter", screen, ("DetailDialog",), "escape"),
            Step("QueuesView", "w", screen, ("WhyDialog",), "escape"),
            Step("QueuesView", "slash", focused_class, ("FilterBar",), "escape"),
            Step("FilterBar", "enter", focused_class, ("FileList",)),
            Step("FilterBar", "down", focused_class, ("FileList",), "slash"),
            Step("FilterBar", "escape", shown_files, (1204,), "slash 1 1"),
            Step("QueuesView", "escape", shown_files, (1204,), "slash 1 1 enter"),
            Step("QueuesView", "x", screen, ("ConfirmDialog",), "slash 0 1 0 enter"),
            Step("ConfirmDialog", "enter", told, (SkipUnits(tuple(range(109, 99, -1))),)),
        ),
    ),
    "failed files": (
        failed_run,
        (
            Step(
                "QueuesView",
                "r",
                told,
                (RetryUnits((FAILED,)),),
                "2 shift+tab down down down enter",
            ),
        ),
    ),
    "problems": (
        run_with_problems,
        (
            Step("ProblemsView", "r", told, (RetryUnits((3, 8, 21, 34)),), "3"),
            Step("ProblemsView", "enter", unfolded, (4,)),
            Step("RowList", "down up", problem, (3, "the file is empty")),
            Step("ProblemsView", "w", screen, ("WhyDialog",), "down"),
            Step("ProblemsView", "x", told, (SkipUnits((55,)),), "escape up enter down"),
        ),
    ),
    "steals": (
        fake_run,
        (
            Step("StealsView", "v", kind_of_events, ("steals",), "4"),
            Step("StealsView", "w", screen, ("WhyDialog",)),
            Step("StealsView RowList", "enter", screen, ("DecisionDialog",), "escape"),
            Step("StealsView", "slash", focused_class, ("FilterBar",), "escape"),
        ),
    ),
    "timeline": (
        fake_run,
        (
            Step("TimelineView", "right_square_bracket", window, ((5.0, 44),), "5"),
            Step("TimelineView", "left_square_bracket", window, ((10.0, 0),)),
            Step("TimelineView", "0", window, ((10.0, 0),), "right_square_bracket"),
            Step("Gantt", "left h right l", moment, (740.0, 730.0, 740.0, 750.0)),
            Step("TimelineView", "f", following, ((True, True),)),
            Step("TimelineView", "less_than_sign greater_than_sign", moment, (210.0, 750.0)),
            Step("TimelineView", "shift+left shift+right", moment, (210.0, 750.0)),
            Step("TimelineView", "w", screen, ("WhyDialog",)),
            Step("TimelineView RowList", "enter", screen, ("DetailDialog",), "escape"),
        ),
    ),
    "logs": (
        run_with_logs,
        (
            Step("LogsView", "v", level, (1,), "6"),
            Step("LogsView", "f f", following, ((True, False), (True, True))),
            Step("LogList", "right l left h", shift, (20, 40, 20, 0), "v v tab"),
            Step("LogsView", "slash", focused_class, ("FilterBar",)),
        ),
    ),
}

REPLAYED = (
    Step("ReplayScreen", "space space", playing, ((True, 1.0), (False, 1.0))),
    Step("ReplayScreen", "full_stop comma", position, (4.4, 4.0)),
    Step("ReplayScreen", "n n N", position, (6.0, 14.5, 6.0)),
    Step("ReplayScreen", "b B", position, (10.1, 0.6)),
    Step("ReplayScreen", "backspace", position, (0.0,)),
    Step("ReplayScreen", "plus equals_sign", playing, ((False, 2.0), (False, 5.0))),
    Step("ReplayScreen", "minus", playing, ((False, 2.0),)),
)

ATTACHED = (Step("QuitDialog", "l", lambda app: app.return_code, (int(ExitCode.LEFT),), "q"),)


async def walk(app: BalancerApp, steps: tuple[Step, ...]) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await look(pilot)
        for step in steps:
            for key in step.first.split():
                await pilot.press(key)
                if key in ("2", "3", "5", "6"):
                    await look(pilot)
            for key, wanted in zip(step.keys.split(), step.becomes, strict=True):
                await pilot.press(key)
                try:
                    await until(pilot, lambda: step.shows(app) == wanted)  # noqa: B023
                except TimeoutError:
                    pytest.fail(f"{step.owners} {key}: {step.shows(app)} and not {wanted}")


@pytest.mark.parametrize("scene", SCENES)
async def test_keys_do_what_they_are_there_for(
    scene: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make, steps = SCENES[scene]
    await walk(BalancerApp(make(), poll=False), steps)


async def test_keys_of_a_replay_do_what_they_are_there_for(tmp_path: Path) -> None:
    run = ReplayRun(told_run(tmp_path), speed=1.0, clock=lambda: 0.0)
    run.seek(4.0)
    run.toggle()
    make = partial(ReplayScreen, replay=run)
    await walk(BalancerApp(run, poll=False, read_only=True, screen=make), REPLAYED)


async def test_the_screen_of_another_process_is_left_by_a_key() -> None:
    await walk(BalancerApp(fake_run(), poll=False, attached=True), ATTACHED)


def bound() -> set[tuple[str, str]]:
    """Return every key with the class that binds it."""
    package = tui_balancer.ui
    names = [one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    classes = {
        one
        for name in names
        for one in vars(import_module(name)).values()
        if isinstance(one, type) and one.__module__ == name
    }
    return {
        (one.__name__, key)
        for one in classes
        for binding in vars(one).get("BINDINGS", ())
        if isinstance(binding, Binding)
        for key in binding.key.split(",")
    }


def test_no_key_is_left_out() -> None:
    steps = (*(step for _, steps in SCENES.values() for step in steps), *REPLAYED, *ATTACHED)
    pressed = {
        (owner, key) for step in steps for owner in step.owners.split() for key in step.keys.split()
    }
    assert bound() - pressed == set()
