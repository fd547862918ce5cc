"""Preferences: a commented file to begin with, and who goes before whom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.commands import tui_balancer_here
from tui_balancer.cli.app import app
from tui_balancer.cli.commands.config import commented
from tui_balancer.cli.preferences import key_names, options, read_preferences
from tui_balancer.errors import UserError
from tui_balancer.ui.appearance import Appearance
from tui_balancer.ui.keymap import SECTIONS


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUI_BALANCER_CONFIG", str(tmp_path / "own" / "config.toml"))
    (tmp_path / "own").mkdir()
    return tmp_path / "own" / "config.toml"


def workers_and_policy(*words: str) -> tuple[object, object]:
    """Return what a command line comes to, without carrying it out."""
    _, bound, _ = app.parse_args(["plan", "proteins", *words], exit_on_error=False)
    devices = bound.arguments.get("devices")
    return (devices.cpu_workers, devices.hang_floor) if devices else (None, None)


def test_nothing_is_preferred_without_a_file(path: Path) -> None:
    assert not path.exists()
    assert read_preferences().defaults == {}
    assert workers_and_policy() == (None, None)


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("[defaults]\ncpu-workers = 2\nhang-floor = 60.0\n")
    assert workers_and_policy() == (2, 60.0)
    monkeypatch.setenv("TUI_BALANCER_CPU_WORKERS", "3")
    assert workers_and_policy() == (3, 60.0)
    assert workers_and_policy("--cpu-workers", "4") == (4, 60.0)


def test_a_model_of_the_environment_is_one_also_with_blanks_in_its_path(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not path.exists()
    monkeypatch.setenv("TUI_BALANCER_MODEL", "my models/x.pt")
    _, bound, _ = app.parse_args(["run", "proteins", "-o", "out"], exit_on_error=False)
    assert bound.arguments["model"].model == ("my models/x.pt",)


def test_the_file_s_own_variable_is_not_a_cluster_s_option(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cluster_s_file() -> object:
        _, bound, _ = app.parse_args(
            ["run", "proteins", "-o", "out", "--cluster", "slurm"], exit_on_error=False
        )
        return bound.arguments["cluster"].config

    assert cluster_s_file() is None
    monkeypatch.setenv("TUI_BALANCER_CLUSTER_CONFIG", "slurm.yaml")
    assert cluster_s_file() == Path("slurm.yaml")


def test_a_resumed_run_keeps_what_it_was_begun_with(path: Path) -> None:
    path.write_text('[defaults]\npolicy = "count"\n')
    _, bound, _ = app.parse_args(["resume", "out"], exit_on_error=False)
    assert "balancing" not in bound.arguments
    _, bound, _ = app.parse_args(["run", "proteins", "-o", "out"], exit_on_error=False)
    assert bound.arguments["balancing"].policy == "count"


def test_the_written_file_says_nothing_until_a_line_is_taken_up(path: Path) -> None:
    path.parent.rmdir()
    result = tui_balancer_here("config")
    assert (result.returncode, result.stdout.strip()) == (0, str(path))
    assert read_preferences().defaults == {}
    assert read_preferences().appearance == Appearance()


def test_every_line_of_the_written_file_can_be_taken_up(path: Path) -> None:
    lines = [re.sub(r'^# (?=[\w-]+ = |"[\w.]+" = )', "", line) for line in commented()]
    path.write_text("\n".join(lines))
    preferences = read_preferences()
    assert preferences.defaults.keys() == {option.name for option in options()}
    assert preferences.appearance.keys == key_names()
    assert preferences.appearance.theme == "balancer-dark"


def test_a_file_that_is_there_is_left_alone(path: Path) -> None:
    path.write_text("# mine")
    result = tui_balancer_here("config")
    assert result.returncode == 2
    assert "already exists" in result.stderr
    assert path.read_text() == "# mine"


def test_the_file_can_be_shown_without_being_written(path: Path) -> None:
    shown = tui_balancer_here("config", "--show").stdout
    assert "# cpu-workers = 2\n" in shown
    assert '# "device.pause" = "p"  # Pause the selected device' in shown
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[defaults", "is not TOML"),
        ("[default]\n", "unknown table 'default'"),
        ("[defaults]\nworkers = 2\n", "unknown option 'workers'"),
        ('[keys]\n"device.stop" = "x"\n', "unknown key 'device.stop'"),
        ('[keys]\n"device.pause" = 1\n', "device.pause must be a string"),
        ('[screen]\ntheme = "pink"\n', "unknown theme 'pink'"),
        ('[screen]\nfont = "pink"\n', "unknown screen setting 'font'"),
        ("keys = 3\n", "[keys] must be a table"),
        (
            '[keys]\n"device.pause" = "x"\n',
            "the key x is bound twice, to device.pause and file.skip",
        ),
        (
            '[keys]\n"show.logs" = "f5"\n"screen.help" = "f5,f2"\n',
            "the key f5 is bound twice, to screen.help and show.logs",
        ),
        (
            '[keys]\n"logs.level" = "?"\n',
            "the key question_mark is bound twice, to screen.help and logs.level",
        ),
    ],
)
def test_what_is_not_understood_is_refused_with_the_file_s_name(
    path: Path, text: str, reason: str
) -> None:
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(reason)) as refused:
        read_preferences()
    assert str(refused.value).startswith(str(path))


def test_keys_may_be_the_same_where_only_one_of_them_works(path: Path) -> None:
    path.write_text(
        '[keys]\n"file.skip" = "v"\n"replay.play" = "p"\n'
        '"device.pause" = "f5"\n"device.resume" = "f5"\n'
    )
    assert set(read_preferences().keys) == {
        "file.skip",
        "replay.play",
        "device.pause",
        "device.resume",
    }


def test_a_number_out_of_range_is_refused_by_its_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("[defaults]\ncpu-workers = 2.5\n")
    result = tui_balancer_here("plan", "proteins")
    assert (result.returncode, result.stderr) == (
        2,
        f"tui-balancer: {path}: [defaults][cpu-workers] must be a whole number from 1 to 1,024, "
        "not 2.5\n",
    )
    monkeypatch.setenv("TUI_BALANCER_CPU_WORKERS", "0")
    result = tui_balancer_here("plan", "proteins")
    assert (result.returncode, result.stderr) == (
        2,
        "tui-balancer: TUI_BALANCER_CPU_WORKERS must be a whole number from 1 to 1,024, not 0\n",
    )


def test_a_mistake_in_the_file_is_one_line_and_usage(path: Path) -> None:
    path.write_text("[defaults]\nworkers = 2\n")
    result = tui_balancer_here("plan", "proteins")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "unknown option 'workers'" in result.stderr


def test_keys_of_ones_own_are_shown_as_such() -> None:
    sections = Appearance(keys={"device.pause": "f5,x"}).renamed(SECTIONS)
    shown = {key.id: key.shown for key in sections["everywhere"]}
    assert (shown["device.pause"], shown["all.pause"]) == ("f5", "P")
