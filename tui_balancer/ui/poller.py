"""The threads between the screen and the run: neither waits for the other."""

from __future__ import annotations

import time
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Final

from textual.message_pump import MessagePump

from tui_balancer.scheduler.commands import Command
from tui_balancer.ui.messages import (
    CommandAnswered,
    EventsArrived,
    LinkBroke,
    LogPicture,
    Picture,
    SnapshotTaken,
    WentBack,
)
from tui_balancer.ui.state.file_table import FileTable, FileWatch
from tui_balancer.ui.state.log_tail import LogTail, log_names
from tui_balancer.ui.state.why_watch import Answer, WhyWatch
from tui_balancer.view.handle import Phase, RunHandle, RunSnapshot
from tui_balancer.view.why.explain import Question

_JOIN_SECONDS: Final = 2.0

FILES_SHARE: Final = 0.1
"""Share of the time that may be spent on tables of files and on answers: with a million files
they are updated less often."""


class RunPoller:
    """Reads and commands a run for an app, outside the app's event loop.

    One thread takes pictures of the run, another executes commands in order; both
    answer by posting messages. They are daemon threads: a run that blocks delays
    neither the keys nor the exit of the app.
    """

    def __init__(self, run: RunHandle, app: MessagePump, *, refresh_hz: float) -> None:
        self._run = run
        self._app = app
        self._period = 1 / refresh_hz
        self._files_wanted = False
        self._log_wanted: str | None = None
        self._last_event = 0
        self._last_picture: Picture | None = None
        self._file_watch = FileWatch()
        self._files: FileTable | None = None
        self._files_due = 0.0
        self._why_watch = WhyWatch()
        self._question: Question | None = None
        self._answer: Answer | None = None
        self._answer_due = 0.0
        self._tail: LogTail | None = None
        self._log: LogPicture | None = None
        self._commands: SimpleQueue[Command | None] = SimpleQueue()
        self._wake = Event()
        self._stopping = Event()
        self._reading = Lock()
        self._threads: list[Thread] = []

    def start(self, *, poll: bool) -> None:
        """Start the threads; without `poll`, only `read` takes pictures."""
        targets = [("ui-commands", self._carry_out)]
        if poll:
            targets.append(("ui-pictures", self._take_pictures))
        self._threads = [Thread(target=run, name=name, daemon=True) for name, run in targets]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; do not wait for one that the run blocks."""
        self._stopping.set()
        self._wake.set()
        self._commands.put(None)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def watch(self, *, files: bool, log: str | None) -> None:
        """Set what pictures include from now on, and take one at once.

        Args:
            files: Whether to include the table of files.
            log: Name of the log to include; "" for the first one, None for none.
        """
        if (files, log) != (self._files_wanted, self._log_wanted):
            self._files_wanted, self._log_wanted = files, log
            self._files_due = 0.0
            self._wake.set()

    def ask(self, question: Question | None) -> None:
        """Include the answer to a question in pictures from now on; None for no question."""
        self._question = question
        self._wake.set()

    def look(self) -> None:
        """Take a picture now."""
        self._files_due = self._answer_due = 0.0
        self._wake.set()

    def send(self, command: Command) -> None:
        """Send a command to the run; the answer arrives as `CommandAnswered`."""
        self._commands.put(command)

    def read(self, *, files: bool = True) -> None:
        """Read new events and take a picture; post both if they have changed.

        Args:
            files: Whether to make a new table of files and a new answer, if they are shown.
        """
        with self._reading:
            snapshot = self._run.snapshot()
            if snapshot.last_event < self._last_event:
                self._start_over()
            events = self._run.events_after(self._last_event)
            if events:
                self._last_event = events[-1].sequence
                self._file_watch.note(events)
                self._why_watch.note(events)
                self._app.post_message(EventsArrived(events))
            picture = Picture(
                snapshot,
                self._read_files(snapshot, fresh=files),
                self._read_log(),
                self._run.summary() if snapshot.phase is Phase.FINISHED else None,
                self._read_why(fresh=files),
            )
            if picture != self._last_picture:
                self._last_picture = picture
                self._app.post_message(SnapshotTaken(picture))

    def _start_over(self) -> None:
        self._last_event, self._last_picture = 0, None
        self._file_watch, self._files, self._files_due = FileWatch(), None, 0.0
        self._why_watch, self._answer = WhyWatch(), None
        self._app.post_message(WentBack())

    def _read_files(self, snapshot: RunSnapshot, *, fresh: bool) -> FileTable | None:
        if not self._files_wanted:
            self._files = None
            return None
        began = time.perf_counter()
        if began >= self._files_due and (fresh or self._files is None):
            self._files = self._file_watch.read(self._run, snapshot) or self._files
            self._files_due = self._due_again(began)
        return self._files

    def _due_again(self, began: float) -> float:
        """Return when a reading that took from `began` until now may be repeated."""
        took = time.perf_counter() - began
        return began + (took / FILES_SHARE if took > self._period / 10 else 0.0)

    def _read_why(self, *, fresh: bool) -> Answer | None:
        question, began = self._question, time.perf_counter()
        if question is None:
            self._answer = None
        elif (
            self._answer is None
            or self._answer.question is not question
            or (fresh and began >= self._answer_due)
        ):
            self._answer = self._why_watch.answer(self._run, question)
            self._answer_due = self._due_again(began)
        return self._answer

    def _read_log(self) -> LogPicture | None:
        if self._log_wanted is None:
            return None
        folder = self._run.log_folder()
        names = log_names(folder)
        name = self._log_wanted or (names[0] if names else "")
        if self._tail is None or self._tail.path.stem != name:
            self._tail, self._log = LogTail(folder / f"{name}.log"), None
        if self._tail.read_on() or self._log is None or self._log.names != names:
            self._log = LogPicture(names, name, tuple(self._tail.lines))
        return self._log

    def _take_pictures(self) -> None:
        try:
            # Every other picture reuses the table of files, which hardly changes in a quarter of a
            # second. A picture on request has a new one.
            files = True
            while not self._stopping.is_set():
                self._wake.clear()
                self.read(files=files)
                files = self._wake.wait(self._period) or not files
        except Exception as error:
            self._app.post_message(LinkBroke(error))

    def _carry_out(self) -> None:
        try:
            while (command := self._commands.get()) is not None:
                outcome = self._run.execute(command)
                self._app.post_message(CommandAnswered(command, outcome))
                self._wake.set()
        except Exception as error:
            self._app.post_message(LinkBroke(error))
