"""Base of all tabs."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from textual.widget import Widget

from tui_balancer.scheduler.commands import Command
from tui_balancer.ui.dialogs.columns_dialog import ColumnsDialog
from tui_balancer.ui.keymap import STEERING, Key
from tui_balancer.ui.messages import CommandWanted, FileWanted, Picture, WhyWanted
from tui_balancer.ui.painting.chosen_columns import ChosenColumns
from tui_balancer.ui.painting.column_layout import ColumnLayout
from tui_balancer.ui.painting.kept import Pane
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.view.handle import Phase
from tui_balancer.view.why.explain import Question


class View(Pane):
    """A tab; only the current one receives pictures.

    Attributes:
        run_state: What is known of the run.
        read_only: Whether keys that change the run are off.
    """

    NAME: ClassVar[str] = ""
    """Name of the tab, as in `keymap.TABS`."""

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(id=self.NAME, classes="view")
        self.run_state = run_state
        self.read_only = False

    @property
    @abstractmethod
    def home(self) -> Widget:
        """The widget that has the focus when the tab is first shown."""

    @property
    def device(self) -> str | None:
        """The device that keys act on; None where none is selected."""
        return None

    @property
    def needs_picture(self) -> bool:
        """Whether the tab needs a picture to show anything, even while the display is frozen."""
        return False

    @abstractmethod
    def show(self, picture: Picture) -> None:
        """Draw a picture."""

    def want(self, command: Command) -> None:
        """Send a command to the run."""
        self.post_message(CommandWanted(command))

    def show_file(self, number: int, name: str) -> None:
        """Show all about a file, by its number in the run."""
        self.post_message(FileWanted(number, name))

    def ask_why(self, question: Question, title: str) -> None:
        """Ask for an explanation."""
        self.post_message(WhyWanted(question, title))

    def choose_columns(self, row_list: ChosenColumns[Any]) -> None:
        """Ask which columns a list shows."""

        def answered(layout: ColumnLayout | None) -> None:
            if layout is not None:
                row_list.lay_out(layout)

        layout = row_list.memory.layout(row_list.kind)
        dialog = ColumnsDialog(row_list.offered, layout, lambda: row_list.crowded_out)
        self.app.push_screen(dialog, answered)

    def offers(self, _key: Key) -> bool:
        """Whether a key has something to act on; others are not in the footer."""
        return True

    def shown_key(self, key: Key) -> Key:
        """Return a key as the footer shows it now."""
        return key

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Return whether a key applies: none that changes a finished or read-only run."""
        return action not in STEERING or self.steerable

    @property
    def steerable(self) -> bool:
        """Whether the run accepts commands from here: it has started and not ended."""
        snapshot = self.run_state.snapshot
        passive = (Phase.PREPARING, Phase.FINISHED)
        return not self.read_only and (snapshot is None or snapshot.phase not in passive)
