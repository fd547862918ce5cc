"""The main screen: the run as it is, and the keys that steer it."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Footer

from tui_balancer.balance.commands import (
    MoveUnits,
    PauseAll,
    PauseDevice,
    ResumeAll,
    ResumeDevice,
    SetPolicy,
)
from tui_balancer.balance.events import DeviceEvent, Event, LeaseEvent
from tui_balancer.balance.model import DeviceMetrics, DeviceState, PolicySettings, Unit
from tui_balancer.balance.stealing import lowered, raised
from tui_balancer.run.handle import Phase, RunSnapshot
from tui_balancer.ui.dialogs.event_dialog import EventDialog
from tui_balancer.ui.dialogs.move_dialog import MoveDialog
from tui_balancer.ui.dialogs.threshold_dialog import ThresholdDialog
from tui_balancer.ui.keymap import KEYS
from tui_balancer.ui.link import RunLink
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.screens.help_screen import HelpScreen
from tui_balancer.ui.widgets.device_table import DeviceTable
from tui_balancer.ui.widgets.event_log import EventLog
from tui_balancer.ui.widgets.queue_list import QueueList
from tui_balancer.ui.widgets.row_list import RowList
from tui_balancer.ui.widgets.run_header import RunHeader
from tui_balancer.ui.widgets.summary_panel import SummaryPanel

WIDE: Final = 150

_STEERING: Final = {key.action for key in KEYS if key.action not in ("freeze", "help", "app.quit")}


class RunScreen(Screen[None]):
    """Header, devices, the queue of one of them, and the log.

    Pictures come in by `receive`. While the display is frozen they are held back, and only the
    newest one is kept; commands go to the run as it is now all the same.
    """

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    AUTO_FOCUS = "#devices"

    def __init__(self, link: RunLink) -> None:
        super().__init__()
        self._link = link
        self._picture: Picture | None = None
        self._frozen = False
        self._warnings_seen = 0
        self._offered: set[str] = set()
        self._policy_asked: PolicySettings | None = None
        self._policies_open = 0
        self.header = RunHeader()
        self.devices = DeviceTable()
        self.queue = QueueList()
        self.log_list = EventLog()
        self.summary = SummaryPanel()

    def compose(self) -> ComposeResult:
        """Lay out the panes; the stylesheet puts the lower ones side by side where it is wide."""
        yield self.header
        yield self.devices
        with Container(id="lower"):
            yield self.queue
            yield self.summary
            yield self.log_list
        yield Footer(compact=True, show_command_palette=False)

    @property
    def snapshot(self) -> RunSnapshot | None:
        """The run as it is now, whatever the display shows."""
        return self._picture.snapshot if self._picture else None

    @property
    def device(self) -> DeviceMetrics | None:
        """The device under the cursor, as it is now."""
        row = self.devices.cursor_row
        if row is None or self.snapshot is None:
            return None
        return next((one for one in self.snapshot.devices if one.device == row.device), row)

    def receive(self, picture: Picture) -> None:
        """Show a newer picture, or hold it back while the display is frozen."""
        self._picture = picture
        if not self._policies_open:
            self._policy_asked = None
        if not self._frozen:
            self._show(picture)
        elif self.queue.device != picture.device:
            self._show_queue(picture)
        elif picture.summary is not None and not self.has_class("-finished"):
            self.notify("The run has ended. Press space to see the summary.", title="Finished")
        self._offer_keys()

    def add_events(self, events: tuple[Event, ...]) -> None:
        """Take in events: lines for the log, tags of files that started, a word on deaths."""
        self.log_list.add(events)
        self.queue.drop_tags([one.unit_id for one in events if isinstance(one, LeaseEvent)])
        for event in events:
            if isinstance(event, DeviceEvent) and event.state is DeviceState.DEAD:
                self.notify(
                    event.reason,
                    title=f"{event.device} is dead",
                    severity="error",
                    timeout=15,
                    markup=False,
                )
        self._show_log()

    def moved(self, unit_ids: tuple[int, ...]) -> None:
        """Forget the tags of files that the run has moved."""
        self.queue.drop_tags(unit_ids)

    def policy_answered(self) -> None:
        """Go by the run's own settings again, once a picture shows what the answers led to."""
        self._policies_open -= 1

    def _show(self, picture: Picture) -> None:
        snapshot = picture.snapshot
        self.header.snapshot = snapshot
        self.devices.show(snapshot)
        self._show_queue(picture)
        self.log_list.warn(snapshot.warnings[self._warnings_seen :], snapshot.elapsed_seconds)
        self._warnings_seen = len(snapshot.warnings)
        self._show_log()
        if picture.summary is not None and not self.has_class("-finished"):
            self.summary.show(picture.summary)
            self.add_class("-finished")
            # It takes the focus only once it is displayed.
            self.call_after_refresh(self.summary.focus)

    def _show_queue(self, picture: Picture) -> None:
        row = self.devices.cursor_row
        if row is None or picture.device == row.device:
            self.queue.show(row, picture.queue)

    def _show_log(self) -> None:
        if self._frozen or self.snapshot is None:
            return
        started_at = self.snapshot.started_at
        self.log_list.show(started_at, started_at + self.snapshot.elapsed_seconds)

    @on(RowList.CursorMoved, "#devices")
    def _watch_device(self) -> None:
        row = self.devices.cursor_row
        self._link.watch(row.device if row else None)
        self._offer_keys()

    @on(RowList.Chosen, "#devices")
    def _enter_queue(self) -> None:
        self.queue.focus()

    @on(RowList.Chosen, "#queue")
    def _choose_file(self) -> None:
        self.action_move()

    @on(RowList.Chosen, "#log")
    def _show_event(self) -> None:
        row = self.log_list.cursor_row
        if row is not None:
            self.app.push_screen(EventDialog(row, self.log_list.time_of(row)))

    @on(QueueList.DeviceStepped)
    def _step_device(self, event: QueueList.DeviceStepped) -> None:
        self.devices.action_cursor(event.step)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Offer a key as what it does now: pause or resume."""
        device, snapshot = self.device, self.snapshot
        if action in _STEERING and snapshot is not None and snapshot.phase is Phase.FINISHED:
            return False
        device_paused = device is not None and device.state is DeviceState.PAUSED
        all_paused = snapshot is not None and snapshot.paused
        wanted = {
            "pause_device": not device_paused,
            "resume_device": device_paused,
            "pause_all": not all_paused,
            "resume_all": all_paused,
        }
        return wanted.get(action, True)

    def _offer_keys(self) -> None:
        # The footer is rebuilt from scratch, so only when it would say something else.
        offered = {key.action for key in KEYS if self.check_action(key.action, ())}
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def action_pause_device(self) -> None:
        """Hold the device under the cursor."""
        if self.device is not None:
            self._link.send(PauseDevice(self.device.device))

    def action_resume_device(self) -> None:
        """Let the device under the cursor go on."""
        if self.device is not None:
            self._link.send(ResumeDevice(self.device.device))

    def action_pause_all(self) -> None:
        """Hold every device."""
        self._link.send(PauseAll())

    def action_resume_all(self) -> None:
        """Let every device go on."""
        self._link.send(ResumeAll())

    def action_raise_threshold(self) -> None:
        """Steal a step less eagerly."""
        self._step_threshold(up=True)

    def action_lower_threshold(self) -> None:
        """Steal a step more eagerly."""
        self._step_threshold(up=False)

    def _step_threshold(self, *, up: bool) -> None:
        if self.snapshot is None:
            return
        # Key presses come faster than pictures: the next step starts from the last one asked.
        current = self._policy_asked or self.snapshot.policy
        wanted = raised(current) if up else lowered(current)
        if wanted == current:
            end = "highest" if up else "lowest"
            self.notify(f"The threshold is at its {end} step.", title="No change")
            return
        self._set_policy(wanted)

    def _set_policy(self, settings: PolicySettings) -> None:
        self._policy_asked = settings
        self._policies_open += 1
        self._link.send(SetPolicy(settings))

    def action_edit_threshold(self) -> None:
        """Open the dialog with the rule's numbers."""
        if self.snapshot is None:
            return

        def answered(settings: PolicySettings | None) -> None:
            if settings is not None:
                self._set_policy(settings)

        self.app.push_screen(ThresholdDialog(self.snapshot.policy), answered)

    def action_tag(self) -> None:
        """Tag or untag the file under the queue's cursor."""
        self.queue.focus()
        self.queue.toggle_tag()

    def action_clear_tags(self) -> None:
        """Take all tags away."""
        self.queue.clear_tags()

    def action_move(self) -> None:
        """Ask where the tagged files go, or the one under the cursor."""
        here = self.queue.cursor_row
        units = self.queue.tagged or ((here,) if here else ())
        if not units or self.snapshot is None:
            self.notify("No file waits in this queue.", title="Nothing to move")
            return
        self._ask_where(units, self.snapshot)

    def _ask_where(self, units: tuple[Unit, ...], snapshot: RunSnapshot) -> None:
        def answered(device: str | None) -> None:
            if device is not None:
                self._link.send(MoveUnits(tuple(unit.unit_id for unit in units), device))

        source = self.queue.device if not self.queue.tagged else None
        self.app.push_screen(MoveDialog(units, snapshot.devices, source), answered)

    def action_freeze(self) -> None:
        """Hold the picture still, or go on with the newest one."""
        self._frozen = not self._frozen
        self.header.frozen = self._frozen
        if not self._frozen and self._picture is not None:
            self._show(self._picture)

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(HelpScreen())
