"""The main screen: header, tab bar, current tab and keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from tui_balancer.scheduler.commands import (
    Command,
    MoveUnits,
    Outcome,
    ReorderUnits,
    RetryUnits,
    SetPolicy,
    SkipUnits,
)
from tui_balancer.scheduler.events import DeviceEvent, Event
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.file_dialog import file_dialog
from tui_balancer.ui.dialogs.why_dialog import WhyDialog
from tui_balancer.ui.formatting import short_count
from tui_balancer.ui.keymap import (
    FILTERING,
    GLOBAL,
    SECTIONS,
    SHOWING,
    STEERING,
    TABS,
    Key,
    bindings,
)
from tui_balancer.ui.messages import CommandWanted, FileWanted, Picture, WhyWanted
from tui_balancer.ui.painting.kept import Pane
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.poller import RunPoller
from tui_balancer.ui.screen_memory import ScreenMemory
from tui_balancer.ui.screens.help_screen import HelpScreen
from tui_balancer.ui.screens.manual_screen import ManualScreen
from tui_balancer.ui.screens.steering import SteeringScreen
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.styles import TONE_CLASSES
from tui_balancer.ui.views.logs import LogsView
from tui_balancer.ui.views.overview import OverviewView
from tui_balancer.ui.views.problems import ProblemsView
from tui_balancer.ui.views.queues import QueuesView
from tui_balancer.ui.views.steals import StealsView
from tui_balancer.ui.views.timeline import TimelineView
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.filter_bar import FilterBar
from tui_balancer.ui.widgets.key_bar import KeyBar
from tui_balancer.ui.widgets.run_header import RunHeader
from tui_balancer.ui.widgets.tab_bar import TabBar
from tui_balancer.view.handle import RunSnapshot

_PAGES: Final = {"problems": "troubleshooting", "steals": "balancing", "logs": "troubleshooting"}
"""Manual pages of tabs that have their own."""

ROOMY: Final = 110
WIDE: Final = 160


class RunScreen(SteeringScreen):
    """Shows one tab at a time and draws only that one.

    `receive` takes pictures. While the display is frozen it keeps only the newest one for later;
    commands still reach the run.

    Args:
        link: To the run.
        read_only: Whether the run refuses every command.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(*SHOWING, *GLOBAL)
    sections: dict[str, tuple[Key, ...]] = SECTIONS
    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (ROOMY, "-roomy"), (WIDE, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = "#devices"

    def __init__(self, link: RunPoller, *, read_only: bool = False) -> None:
        super().__init__(link, ScreenState())
        self._frozen = False
        self._file_shown = False
        self.header = RunHeader()
        self.header.read_only = read_only
        self.tabs = TabBar()
        self.key_bar = KeyBar()
        self.overview = OverviewView(self.run_state)
        self.queues = QueuesView(self.run_state)
        self.problems = ProblemsView(self.run_state)
        self.steals = StealsView(self.run_state)
        self.timeline = TimelineView(self.run_state)
        self.logs = LogsView(self.run_state)
        self.views: dict[str, View] = {
            view.NAME: view
            for view in (
                self.overview,
                self.queues,
                self.problems,
                self.steals,
                self.timeline,
                self.logs,
            )
        }
        for view in self.views.values():
            view.read_only = read_only
            view.display = view is self.overview

    def compose(self) -> ComposeResult:
        """Lay out header, tab bar, the first view and the keys; other views when first shown."""
        yield self.header
        yield self.tabs
        with Pane(id="views"):
            yield self.overview
        yield self.key_bar

    @property
    def snapshot(self) -> RunSnapshot | None:
        """The current state of the run, even while the display is frozen."""
        return self.run_state.snapshot

    @property
    def view(self) -> View:
        """The current view."""
        return self.views[self.tabs.current]

    @property
    def device(self) -> DeviceMetrics | None:
        """The device selected in the current tab, or else in the overview."""
        return self.run_state.device(self.view.device or self.overview.device)

    def recall(self, memory: ScreenMemory) -> None:
        """Restore columns and sort order."""
        self.queues.files.recall(memory)
        self.overview.devices.recall(memory)

    def receive(self, picture: Picture) -> None:
        """Show a newer picture, or keep it for later while the display is frozen."""
        self.run_state.see(picture)
        self.settle_policy()
        if not self._frozen:
            self._show(picture)
        elif self.view.needs_picture and self.view.is_mounted:
            self.view.show(picture)
        elif picture.summary is not None and not self.overview.has_class("-finished"):
            self.notify("The run has ended. Press space to see the summary.", title="Finished")
        self.offer_keys()

    def add_events(self, events: tuple[Event, ...]) -> None:
        """Add events; notify of dead devices."""
        self.run_state.hear(events)
        for event in events:
            if isinstance(event, DeviceEvent) and event.state is DeviceState.DEAD:
                self.notify(
                    event.reason,
                    title=f"{event.device} is dead",
                    severity="error",
                    timeout=15,
                    markup=False,
                )

    def answered(self, command: Command, outcome: Outcome) -> None:
        """Update what depended on the command's answer."""
        if isinstance(command, SetPolicy):
            self.policy_answered()
        elif outcome.accepted and isinstance(
            command, MoveUnits | ReorderUnits | SkipUnits | RetryUnits
        ):
            stay = not isinstance(command, ReorderUnits)
            self.queues.settle(command.unit_ids, stay=stay)

    def _show(self, picture: Picture) -> None:
        self.header.snapshot = picture.snapshot
        steals = self.run_state.events.steals.total()
        skipped, problems = picture.snapshot.totals.skipped, len(self.run_state.problems)
        notes = {
            "queues": f"{glyphs.SKIPPED}{short_count(skipped)}" if skipped else "",
            "problems": short_count(problems) if problems else "",
            "steals": short_count(steals) if steals else "",
        }
        if notes != self.tabs.notes:
            self.tabs.notes = notes
        # A tab that is shown for the first time draws the picture once it is mounted.
        if self.view.is_mounted:
            self.view.show(picture)
        if picture.summary is not None and not self.overview.has_class("-finished"):
            self.overview.show(picture)

    async def action_show_tab(self, tab: str) -> None:
        """Show a tab."""
        if tab != self.tabs.current:
            for name, view in self.views.items():
                view.display = name == tab
            self.tabs.current = tab
            if not self.view.is_attached:
                await self.query_one("#views").mount(self.view)
            self._watch()
            if self.run_state.picture is not None:
                self.view.show(self.run_state.picture)
            self.view.home.focus()
        self.offer_keys()

    @on(TabBar.Clicked)
    async def _tab_clicked(self, event: TabBar.Clicked) -> None:
        await self.action_show_tab(event.tab)

    @on(KeyBar.Clicked)
    async def _key_clicked(self, event: KeyBar.Clicked) -> None:
        await self.run_key(event.key)

    @on(CommandWanted)
    def _send(self, event: CommandWanted) -> None:
        self.send(event.command)

    @on(FileWanted)
    def _show_file(self, event: FileWanted) -> None:
        def closed(_: None) -> None:
            self._file_shown = False
            self._watch()

        self._file_shown = True
        self._watch()
        self.app.push_screen(file_dialog(self.run_state, event.number, event.name), closed)

    @on(WhyWanted)
    def _explain(self, event: WhyWanted) -> None:
        dialog = WhyDialog(self.run_state, event.question, event.title)
        self._link.ask(event.question)
        self.app.push_screen(dialog, lambda _: self._link.ask(None))

    @on(LogsView.Asked)
    def _watch(self) -> None:
        self._link.watch(
            files=self.view is self.queues or self._file_shown,
            log=self.logs.wanted if self.view is self.logs else None,
        )

    @on(RowList.CursorMoved)
    @on(QueuesView.Offered)
    def _selected(self) -> None:
        self.offer_keys()

    def on_descendant_focus(self) -> None:
        """Show the keys of the focused widget."""
        self.offer_keys()

    def offers(self, key: Key) -> bool:
        """Whether a key has an effect now, in its tab."""
        return bool(self._offered((key,)))

    def _offered(self, keys: Iterable[Key]) -> tuple[Key, ...]:
        pauses, steerable = self.offered_pauses(), self.view.steerable
        return tuple(
            key for key in keys if (steerable or not key.steers) and pauses.get(key.action, True)
        )

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Return whether an action is on now: pause or resume; none that changes a finished run."""
        if action in STEERING and not self.view.steerable:
            return False
        return self.offered_pauses().get(action, True)

    def offer_keys(self) -> None:
        """Show the tab's keys and the global keys that have an effect now."""
        keys = (
            *self.sections["header" if self.header.has_focus else self.tabs.current],
            *self.sections.get("replay", ()),
            *self.sections["everywhere"],
        )
        if isinstance(self.focused, FilterBar):
            keys = FILTERING
        offered = tuple(
            self.view.shown_key(key)
            for key in self._offered(keys)
            if key.label and self.view.offers(key)
        )
        if offered != self.key_bar.keys:
            self.key_bar.keys = offered
            self.refresh_bindings()

    async def run_key(self, key: Key) -> None:
        """Run a key's action in its tab."""
        if key in FILTERING and self.focused is not None:
            await self.app.run_action(key.action, self.focused)
            return
        section = next(
            name for name, keys in self.sections.items() if key.id in [one.id for one in keys]
        )
        namespace: Widget = self
        if section in TABS:
            await self.action_show_tab(section)
            namespace = self.views[section]
        elif section == "header":
            namespace = self.header
        await self.app.run_action(key.action, namespace)

    async def action_show_failed(self) -> None:
        """Show failures and warnings."""
        await self.action_show_tab("problems")

    def action_freeze(self) -> None:
        """Freeze the display, or continue with the newest picture."""
        self._frozen = not self._frozen
        self.header.frozen = self._frozen
        if not self._frozen and self.run_state.picture is not None:
            self._show(self.run_state.picture)

    def action_copy(self) -> None:
        """Copy the row under the cursor through the terminal, which works over ssh."""
        focused = self.focused
        row = focused.cursor_row if isinstance(focused, RowList) else None
        if row is None or not isinstance(focused, RowList):
            self.notify("There is no row under the cursor.", title="Nothing to copy")
            return
        text = focused.row_text(row)
        self.app.copy_to_clipboard(text)
        self.notify(text, title="Copied", markup=False)

    def action_save_picture(self) -> None:
        """Save the screen as an SVG file in the working folder, or else in the run folder."""
        reason = ""
        for folder in (".", *([self.snapshot.output] if self.snapshot else [])):
            try:
                path = self.app.save_screenshot(path=folder)
            except OSError as problem:
                reason = f"{folder}: {problem.strerror}"
            else:
                self.notify(path, title="Saved", markup=False)
                return
        self.notify(reason, title="The screen is not saved", severity="error", markup=False)

    def action_help(self) -> None:
        """Show all keys, those of this tab first."""
        self.app.push_screen(HelpScreen(self.tabs.current, self.sections))

    def action_manual(self) -> None:
        """Open the manual at the page of this tab."""
        self.app.push_screen(ManualScreen(_PAGES.get(self.tabs.current, "screen-and-keys")))
