"""`explain` on runs that have ended: what is printed, in which form, and with which exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.commands import tui_balancer_here
from tests.support.fake_run import FakeRun
from tests.support.pictures import RUNNING
from tests.support.told_run import told_run
from tui_balancer.attach import client
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.scheduler.event_log import LASTING
from tui_balancer.scheduler.events import Event


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return told_run(tmp_path / "run")


def test_without_names_devices_failed_files_and_the_last_of_an_ended_run_are_explained(
    run: Path,
) -> None:
    ended = tui_balancer_here("explain", run)
    first, second, *failed, last = ended.stdout.splitlines()
    assert first.startswith("cpu:0 has been stopped since ")
    assert second.startswith("cpu:1 has been stopped since ")
    assert all(f"resume {run} --retry-failed` retries it." in line for line in failed)
    assert any(line.startswith("empty.faa failed") for line in failed)
    assert last.startswith("shared.faa is done: cpu:1 finished it at ")
    assert " cpu:0 took 2 of 5 batches of it from cpu:1 at " in last
    assert last.endswith(": it would end 3 s sooner. It was the last to end.")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_files_and_devices_are_explained_in_the_order_of_their_names(run: Path) -> None:
    ended = tui_balancer_here("explain", run, "empty.faa", "cpu:1", "b.faa")
    failed, device, earlier = ended.stdout.splitlines()
    assert failed.endswith(
        ": the file is empty. Read the worker's log, then try again. "
        f"`tui-balancer resume {run} --retry-failed` retries it."
    )
    assert device.startswith("cpu:1 has been stopped")
    assert earlier == "b.faa is done: it was finished before this session."
    assert ended.returncode == 0


def test_machines_get_a_list_with_the_version_of_its_format(run: Path) -> None:
    ended = tui_balancer_here("explain", run, "b.faa", "cpu:0", "--json")
    printed = json.loads(ended.stdout)
    assert printed["format"] == 1
    file, device = printed["explanations"]
    assert file == {
        "name": "b.faa",
        "kind": "file",
        "state": "done",
        "text": "b.faa is done: it was finished before this session.",
    }
    assert (device["name"], device["kind"], device["state"]) == ("cpu:0", "device", "stopped")


def test_an_unknown_name_is_an_error_and_the_others_are_explained(run: Path) -> None:
    ended = tui_balancer_here("explain", run, "d.faa", "cpu:0")
    assert ended.returncode == 1
    assert ended.stdout.startswith("cpu:0 has been stopped")
    assert "'d.faa' is neither a file nor a device of this run. The nearest is " in ended.stderr


def test_no_run_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    ended = tui_balancer_here("explain", tmp_path / "nothing")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "there is no run here" in ended.stderr


def test_where_nothing_stands_out_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = FakeRun(replace(RUNNING, devices=()))
    monkeypatch.setattr(client, "live_or_ended", lambda _folder, **_: nothing)
    ended = tui_balancer_here("explain", tmp_path)
    assert ended.stdout == "Nothing needs an explanation; which file ends last is not known.\n"
    assert ended.returncode == 0


class Forgetful(FinishedRun):
    """A run that keeps its newest events only, as a live one does."""

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        return tuple(
            event
            for event in super().events_after(sequence)
            if event.sequence > 8 or isinstance(event, LASTING)
        )


def test_the_ledger_has_the_events_that_a_live_run_keeps_no_more(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tui_balancer_here("explain", run, "c.faa", "empty.faa", "cpu:0").stdout
    assert "c.faa is done: cpu:0 finished it at " in whole
    monkeypatch.setattr(client, "live_or_ended", lambda folder, **_: Forgetful(folder))
    assert tui_balancer_here("explain", run, "c.faa", "empty.faa", "cpu:0").stdout == whole
