"""The threads between screen and run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.message import Message
from textual.message_pump import MessagePump

from tests.support.fake_run import FakeRun
from tests.support.pictures import QUEUES, RUNNING, UNITS
from tests.support.screen import DEADLINE_SECONDS, fake_run
from tui_balancer.scheduler.commands import Command, Outcome, PauseAll
from tui_balancer.scheduler.events import SettingEvent
from tui_balancer.scheduler.read_api import Places
from tui_balancer.ui.messages import (
    CommandAnswered,
    EventsArrived,
    LinkBroke,
    Picture,
    SnapshotTaken,
)
from tui_balancer.ui.poller import FILES_SHARE, RunPoller


class Mailbox(MessagePump):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.news = threading.Condition()

    def post_message(self, message: Message) -> bool:
        with self.news:
            self.messages.append(message)
            self.news.notify_all()
        return True

    def wait_for(self, kind: type[Message]) -> Message:
        def arrived() -> list[Message]:
            return [one for one in self.messages if isinstance(one, kind)]

        with self.news:
            assert self.news.wait_for(arrived, DEADLINE_SECONDS), f"no {kind.__name__} came"
            return arrived()[-1]


def pictures(box: Mailbox) -> list[Picture]:
    return [one.picture for one in box.messages if isinstance(one, SnapshotTaken)]


def test_a_picture_is_posted_only_when_it_is_new() -> None:
    run, box = fake_run(), Mailbox()
    link = RunPoller(run, box, refresh_hz=4)
    link.read()
    link.read()
    run.change(elapsed_seconds=755.0)
    link.read()
    assert [one.snapshot.elapsed_seconds for one in pictures(box)] == [754.0, 755.0]


def test_events_are_pulled_by_number_without_gaps_or_repeats() -> None:
    run, box = FakeRun(RUNNING), Mailbox()
    link = RunPoller(run, box, refresh_hz=4)
    for number in range(20):
        run.happen([SettingEvent(0, 1.0, f"{number}")] * (number % 3))
        link.read()
    arrived = [e for m in box.messages if isinstance(m, EventsArrived) for e in m.events]
    assert [event.sequence for event in arrived] == list(range(1, len(run.events_after(0)) + 1))


def test_the_newest_picture_replaces_the_others_and_events_replace_nothing() -> None:
    older, newer = SnapshotTaken(Picture(RUNNING)), SnapshotTaken(Picture(RUNNING))
    events = EventsArrived(())
    assert newer.can_replace(older)
    assert not newer.can_replace(events)
    assert not events.can_replace(EventsArrived(()))


def test_files_come_along_only_while_somebody_looks_at_them() -> None:
    run, box = fake_run(), Mailbox()
    link = RunPoller(run, box, refresh_hz=4)
    link.read()
    link.watch(files=True, log=None)
    link.read()
    link.watch(files=False, log=None)
    run.change(elapsed_seconds=755.0)
    link.read()
    assert [one.files is not None for one in pictures(box)] == [False, True, False]


def test_asking_for_files_is_answered_at_once() -> None:
    run, box = fake_run(), Mailbox()
    link = RunPoller(run, box, refresh_hz=1 / 3600)
    link.start(poll=True)
    try:
        box.wait_for(SnapshotTaken)
        link.watch(files=True, log=None)
        with box.news:
            assert box.news.wait_for(lambda: pictures(box)[-1].files, DEADLINE_SECONDS)
    finally:
        link.stop()


def test_tables_of_very_many_files_come_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Slow(FakeRun):
        def places(self, known: int) -> Places | None:
            nonlocal now
            now += 0.5
            return super().places(known)

    monkeypatch.setattr("tui_balancer.ui.poller.FILES_SHARE", FILES_SHARE)
    monkeypatch.setattr("tui_balancer.ui.poller.time.perf_counter", lambda: now)
    run, box = Slow(RUNNING, dict(QUEUES), UNITS), Mailbox()
    link = RunPoller(run, box, refresh_hz=4)
    link.watch(files=True, log=None)
    for number in range(40):
        run.change(elapsed_seconds=float(number))
        link.read()
        now += 0.25
    tables = {id(one.files): one.files for one in pictures(box)}
    assert len(tables) == 3


def test_the_log_that_is_looked_at_comes_along_and_grows(tmp_path: Path) -> None:
    run, box = fake_run(), Mailbox()
    run.logs = tmp_path
    (tmp_path / "worker-cpu_0.log").write_text("loading\n")
    (tmp_path / "run.log").write_text("hello\n")
    link = RunPoller(run, box, refresh_hz=4)
    link.watch(files=False, log="worker-cpu_0")
    link.read()
    with (tmp_path / "worker-cpu_0.log").open("a") as file:
        file.write("working\nand a line that is not thr")
    link.read()
    first, second = (one.log for one in pictures(box))
    assert first is not None
    assert second is not None
    assert first.names == ("run", "worker-cpu_0")
    assert [line.text for line in first.lines] == ["loading"]
    assert [line.text for line in second.lines] == ["loading", "working"]


def test_commands_are_carried_out_beside_the_caller() -> None:
    release = threading.Event()

    class Slow(FakeRun):
        def execute(self, command: Command) -> Outcome:
            release.wait(DEADLINE_SECONDS)
            return super().execute(command)

    run, box = Slow(RUNNING), Mailbox()
    link = RunPoller(run, box, refresh_hz=4)
    link.start(poll=False)
    try:
        link.send(PauseAll())
        assert run.commands == []
        release.set()
        answer = box.wait_for(CommandAnswered)
        assert isinstance(answer, CommandAnswered)
        assert (answer.command, answer.outcome.accepted) == (PauseAll(), True)
    finally:
        link.stop()


def test_an_error_of_a_command_reaches_the_app() -> None:
    class Broken(FakeRun):
        def execute(self, command: Command) -> Outcome:
            raise OSError("the ledger is on a full disk")

    box = Mailbox()
    link = RunPoller(Broken(RUNNING), box, refresh_hz=4)
    link.start(poll=False)
    try:
        link.send(PauseAll())
        broke = box.wait_for(LinkBroke)
        assert isinstance(broke, LinkBroke)
        assert str(broke.error) == "the ledger is on a full disk"
    finally:
        link.stop()


def test_stopping_ends_the_threads() -> None:
    before = set(threading.enumerate())
    link = RunPoller(fake_run(), Mailbox(), refresh_hz=4)
    link.start(poll=True)
    assert len(set(threading.enumerate()) - before) == 2
    link.stop()
    assert set(threading.enumerate()) <= before
