"""The threads between the screen and the run: neither ever waits for the other."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Final

from textual.message_pump import MessagePump

from tui_balancer.balance.commands import Command
from tui_balancer.run.handle import Phase, RunHandle
from tui_balancer.ui.messages import (
    CommandAnswered,
    EventsArrived,
    LinkBroke,
    Picture,
    SnapshotTaken,
)

_JOIN_SECONDS: Final = 2.0


class RunLink:
    """Reads a run and commands it on behalf of an app, off the app's event loop.

    One thread takes pictures of the run, another carries out commands in their order; both
    answer by posting messages. They are plain daemon threads: a run that blocks delays
    neither the keys nor the exit of the app.
    """

    def __init__(self, run: RunHandle, app: MessagePump, *, refresh_hz: float) -> None:
        self._run = run
        self._app = app
        self._period = 1 / refresh_hz
        self._device: str | None = None
        self._last_event = 0
        self._last_picture: Picture | None = None
        self._commands: SimpleQueue[Command | None] = SimpleQueue()
        self._wake = Event()
        self._stopping = Event()
        self._reading = Lock()
        self._threads: list[Thread] = []

    def start(self, *, poll: bool) -> None:
        """Start the threads; without `poll` pictures are taken only by `read`."""
        targets = [("ui-commands", self._carry_out)]
        if poll:
            targets.append(("ui-pictures", self._take_pictures))
        self._threads = [Thread(target=run, name=name, daemon=True) for name, run in targets]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; one that the run holds up is left behind."""
        self._stopping.set()
        self._wake.set()
        self._commands.put(None)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def watch(self, device: str | None) -> None:
        """Read this device's queue from now on, starting at once."""
        self._device = device
        self._wake.set()

    def send(self, command: Command) -> None:
        """Have a command carried out; the answer comes as `CommandAnswered`."""
        self._commands.put(command)

    def read(self) -> None:
        """Pull the new events and take a picture; post both where they bring news."""
        with self._reading:
            events = self._run.events_after(self._last_event)
            if events:
                self._last_event = events[-1].sequence
                self._app.post_message(EventsArrived(events))
            device = self._device
            snapshot = self._run.snapshot()
            picture = Picture(
                snapshot,
                device,
                self._run.queue(device) if device is not None else (),
                self._run.summary() if snapshot.phase is Phase.FINISHED else None,
            )
            if picture != self._last_picture:
                self._last_picture = picture
                self._app.post_message(SnapshotTaken(picture))

    def _take_pictures(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                self.read()
                self._wake.wait(self._period)
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
