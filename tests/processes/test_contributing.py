"""The manual's page for contributors does what it says: its examples, added to a copy, work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tui_balancer
from tests.support.commands import COMMAND_SECONDS
from tests.support.recipes import copy_of_program, recipes
from tui_balancer.manual.pages import page

ROOT = Path(tui_balancer.__file__).parents[1]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program with all of the examples."""
    root = tmp_path_factory.mktemp("contributor")
    copy_of_program(root)
    for examples in recipes().values():
        for example in examples:
            example.apply(root)
    return root


def run_in(changed: Path, *command: str) -> str:
    """Run Python in the copy."""
    ran = subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", *command],
        cwd=changed,
        env={**os.environ, "PYTHONPATH": str(changed)},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_each_addition_is_a_module_and_a_line_in_a_table() -> None:
    places = {heading: [one.path for one in examples] for heading, examples in recipes().items()}
    assert {heading: len(paths) for heading, paths in places.items()} == {
        "A column of the device table": 1,
        "A format": 4,
        "A kind of embedding": 2,
        "An event": 2,
        "A command of the user": 3,
        "An engine": 2,
    }


def test_every_file_that_the_page_names_is_there() -> None:
    new = {one.path for examples in recipes().values() for one in examples if one.new}
    named = set(re.findall(r"`((?:tui_balancer|tests)/[\w/.]+)`", page("contributing"))) - new
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_examples_pass_the_checks(changed: Path) -> None:
    changes = [one.path for examples in recipes().values() for one in examples]
    paths = [path for path in changes if path.endswith(".py")]
    run_in(changed, "-m", "ruff", "check", *paths)
    run_in(changed, "-m", "ruff", "format", "--check", *paths)


def test_a_format_of_the_table_is_tested_with_the_others(changed: Path) -> None:
    tests = ("tests/unit/outputs", "tests/processes/test_formats.py")
    chosen = "jsonl or estimate or snippets or export or verify"
    said = run_in(changed, "-m", "pytest", "-n0", *tests, "-k", chosen)
    assert int(re.findall(r"(\d+) passed|$", said)[0] or said.count(".")) > 10


SCREEN = """
import asyncio
from tests.support.screen import fake_run, shown, until
from tests.support.pictures import DEVICES
from tui_balancer.scheduler.commands import Mark
from tui_balancer.ui.state.device_rows import DeviceRow
from tui_balancer.ui.widgets.device_table import columns

async def press():
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: run.commands)
        return run.commands

assert asyncio.run(press()) == [Mark()]
(weight,) = (one for one in columns(lambda *_: ()) if one.title == "Weight")
assert weight.cell(DeviceRow(DEVICES[0]), 6)[0][0] == "1.20"
"""


def test_the_screen_has_the_column_and_the_key(changed: Path) -> None:
    run_in(changed, "-c", SCREEN)


RUN = """
import sys
from pathlib import Path
import psutil
from tests.support.sessions import finished, session, wait_until
from tui_balancer.attach.messages import AskEvents, Execute, decode_answer, decode_request, encode
from tui_balancer.attach.messages import Answer
from tui_balancer.engines.request import EngineRequest
from tui_balancer.history.history import read_history
from tui_balancer.outputs.formats import FORMATS, reader
from tui_balancer.scheduler.commands import Mark, PauseAll, ResumeAll
from tui_balancer.scheduler.events import MarkEvent
from tui_balancer.view.event_lines import event_line
import numpy as np

if __name__ == "__main__":
    inputs, checkpoint, out = map(Path, sys.argv[1:])
    run = session(
        inputs, checkpoint, out, formats=("jsonl", "npz"), include=("mean", "max"),
        cluster=EngineRequest("polite"),
    )
    assert run.execute(PauseAll()).accepted
    run.start()
    wait_until(run, lambda: run.worker_service.facts)
    (pid,) = run.engine.pids().values()
    assert psutil.Process(pid).nice() == 10
    assert run.execute(decode_request(encode(Execute(Mark()))).command).accepted
    events = run.events_after(0)
    assert decode_answer(AskEvents, encode(Answer(events))) == events
    assert run.execute(ResumeAll()).accepted
    summary = finished(run)
    assert (summary.done, summary.failed) == (2, ()), summary
    (mark,) = (one for one in read_history(out).events if isinstance(one, MarkEvent))
    assert event_line(mark).text == "mark     by hand"
    for path in out.glob("*.jsonl"):
        stored = reader(FORMATS["jsonl"]).read(path)
        same = reader(FORMATS["npz"]).read(path.with_suffix(".npz"))
        assert stored.ids == same.ids
        for one, other in zip(stored.vectors(), same.vectors(), strict=True):
            assert np.array_equal(one, other)
            mean, largest = np.split(one, 2)
            assert (largest >= mean).all()
            assert (largest > mean).any()
"""


def test_a_run_has_the_format_the_kind_the_event_the_command_and_the_engine(
    changed: Path, checkpoint: Path, tmp_path: Path
) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    for name in ("a", "b"):
        text = "".join(f">{name}{number}\nMKVLAAGIVGLLLAQWERTY\n" for number in range(300))
        (inputs / f"{name}.faa").write_text(text)
    script = tmp_path / "script.py"
    script.write_text(RUN)
    run_in(changed, str(script), str(inputs), str(checkpoint), str(tmp_path / "out"))
