"""The command that runs tests under other machines: its table, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines import __main__ as command
from tests.machines.__main__ import SHORT_FORM, main
from tests.machines.settings import ROOT, SETTINGS, NotHere, Setting, Start

TESTS = """
import os, pytest
def test_where(): assert os.environ.get("WHERE", "there") == "there"
def test_always(): pass
@pytest.mark.skip
def test_never(): pass
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good machine, one on which a test fails, and two that cannot be had."""
    (tmp_path / "test_toy.py").write_text(TESTS)

    def impossible(scratch: Path) -> Start:
        raise NotHere("this processor is another")

    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(
        command,
        "SETTINGS",
        (
            Setting("good", "", lambda scratch: Start(tree=tmp_path)),
            Setting("bad", "", lambda scratch: Start((), {"WHERE": "here"}, tree=tmp_path)),
            Setting("impossible", "", impossible),
            Setting("forbidden", "", lambda scratch: Start(("sh", "-c", "echo no >&2; exit 1"))),
        ),
    )


@pytest.mark.usefixtures("settings")
def test_each_setting_is_a_row_and_a_failure_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tests = ("--processes", "0", "--tests", "test_*.py")
    assert main(["good", "impossible", "forbidden", *tests]) == 0
    _, good, impossible, forbidden = capsys.readouterr().out.splitlines()
    assert good.split()[:4] == ["good", "2", "0", "1"]
    assert impossible.split(maxsplit=1)[1] == "not on this machine: this processor is another"
    assert forbidden.split(maxsplit=1)[1] == "not on this machine: no"
    assert main(["bad", *tests]) == 1
    _, bad, failure = capsys.readouterr().out.splitlines()
    assert bad.split()[:4] == ["bad", "1", "1", "1"]
    assert failure.startswith("  test_toy::test_where: AssertionError: ")


@pytest.mark.usefixtures("settings")
def test_a_module_runs_there_instead(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "toy.py").write_text("import os, sys\nprint(os.environ['WHERE'], *sys.argv[1:])")
    assert main(["bad", "--module", "toy", "--size", "8M"]) == 0
    assert capfd.readouterr().out == "here --size 8M\n"
    (tmp_path / "toy.py").write_text("raise SystemExit(3)")
    assert main(["bad", "--module", "toy"]) == 3


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere"],
        ["good", "--tests", "tests/none"],
        ["--module", "toy"],
        ["impossible", "--module", "toy"],
    ],
)
def test_a_slip_of_the_pen_runs_nothing(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2


def test_the_short_form_is_made_of_tests_that_there_are() -> None:
    assert all(any(ROOT.glob(pattern)) for pattern in SHORT_FORM)
    assert len({one.name for one in SETTINGS}) == len(SETTINGS)
