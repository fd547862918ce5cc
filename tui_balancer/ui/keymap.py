"""All keys: the footer, the help and the palette read this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """A key binding.

    Attributes:
        id: Stable name, for keymaps.
        keys: Textual's names of the keys, separated by commas.
        shown: The key as the screen shows it.
        action: Name of the action, on the widget of the key's section.
        label: A word for the footer; empty for keys that are not in it.
        help: One line for the help and the palette.
        paired: Whether the footer shows it and the next key under one word.
        steers: Whether it changes the run and not just the screen.
        rank: Keys of the highest rank leave the footer first when space is short.
    """

    id: str
    keys: str
    shown: str
    action: str
    label: str
    help: str
    paired: bool = False
    steers: bool = False
    rank: int = 2

    def binding(self) -> Binding:
        """Return the key as a Textual binding."""
        return Binding(
            self.keys,
            self.action,
            self.label,
            show=False,
            key_display=self.shown,
            tooltip=self.help,
            id=self.id,
        )


def _steering(
    name: str, keys: str, shown: str, action: str, label: str, help: str, *, rank: int = 2
) -> Key:
    return Key(name, keys, shown, action, label, help, steers=True, rank=rank)


def _why(name: str, help: str) -> Key:
    return Key(name, "w", "w", "why", "Why", help, rank=5)


TABS: Final = ("overview", "queues", "problems", "steals", "timeline", "logs")

GLOBAL: Final = (
    _steering("device.pause", "p", "p", "pause_device", "Pause", "Pause the selected device"),
    _steering("device.resume", "p", "p", "resume_device", "Resume", "Resume the selected device"),
    _steering("device.drain", "D", "D", "drain_device", "", "Drain the selected device"),
    _steering("device.start", "D", "D", "start_device", "", "Start the selected device again"),
    _steering("all.pause", "P", "P", "pause_all", "Pause all", "Pause all devices", rank=5),
    _steering("all.resume", "P", "P", "resume_all", "Resume all", "Resume all devices", rank=1),
    Key(
        *("threshold.raise", "plus,equals_sign", "+", "raise_threshold", "Threshold"),
        help="Raise the threshold: steal less",
        paired=True,
        steers=True,
        rank=4,
    ),
    Key(
        *("threshold.lower", "minus", "−", "lower_threshold", "Threshold"),
        help="Lower the threshold: steal more",
        paired=True,
        steers=True,
        rank=4,
    ),
    _steering("threshold.edit", "e", "e", "edit_threshold", "", "Edit policy and threshold"),
    _steering("files.add", "A", "A", "add_files", "", "Add files to the run"),
    _steering("device.add", "d", "d", "add_device", "", "Add a device to the run"),
    _steering("move.undo", "u", "u", "undo", "", "Undo the last change"),
    Key("files.failed", "exclamation_mark", "!", "show_failed", "", "Show failures and warnings"),
    Key(
        "screen.freeze",
        "space",
        "space",
        "freeze",
        "Freeze",
        "Freeze the display, not the work",
        rank=6,
    ),
    Key("screen.copy", "y", "y", "copy", "", "Copy the row under the cursor, over ssh too"),
    Key("screen.picture", "f8", "f8", "save_picture", "", "Save the screen as an SVG file"),
    Key("screen.help", "question_mark", "?", "help", "Help", "Show all keys", rank=0),
    Key("screen.manual", "f1", "f1", "manual", "", "Open the manual at this tab"),
    Key("screen.quit", "q", "q", "app.quit", "Quit", "Quit: finish files, stop, or stay", rank=0),
)

SHOWING: Final = tuple(
    Key(f"show.{tab}", str(number), str(number), f"show_tab('{tab}')", "", f"Show {tab}")
    for number, tab in enumerate(TABS, 1)
)

HEADER: Final = (
    Key("header.details", "enter", "enter", "details", "Explain", "Explain the efficiency"),
)

OVERVIEW: Final = (
    Key("device.details", "enter", "enter", "details", "Details", "Show the device in detail"),
    _why("device.why", "Explain the state of the device, or the event"),
    Key("device.columns", "c", "c", "columns", "", "Choose the columns of the devices"),
    Key("group.fold", "z", "z", "fold", "", "Fold or unfold the group of devices"),
)

QUEUES: Final = (
    _steering("file.tag", "t", "t", "tag", "Tag", "Tag or untag the file under the cursor"),
    _steering("file.tag_shown", "a", "a", "tag_shown", "", "Tag all waiting files that are shown"),
    _steering("file.untag_all", "T", "T", "clear_tags", "", "Clear tags"),
    _steering("file.move", "m", "m", "move", "Move", "Move the tagged or shown files, or this one"),
    _steering("file.first", "f", "f", "make_first", "First", "Move to front of queue", rank=7),
    _steering("file.last", "l", "l", "make_last", "Last", "Move to end of queue", rank=7),
    _steering("file.skip", "x", "x", "skip", "Skip", "Skip the files; r brings them back", rank=6),
    _steering("file.retry", "r", "r", "retry", "Retry", "Retry failed or skipped files", rank=2),
    Key("list.filter", "slash", "/", "filter", "Filter", "Filter by state, device and words"),
    Key("list.all", "escape", "escape", "show_all", "Show all", "Show all files again", rank=1),
    Key("list.sort", "s", "s", "sort", "Sort", "Sort by the next column", rank=3),
    Key("list.reverse", "S", "S", "reverse", "", "Reverse sort"),
    Key("list.columns", "c", "c", "columns", "", "Choose the columns of the files"),
    Key("file.details", "enter", "enter", "details", "", "Show the file in detail"),
    _why("file.why", "Explain why the file waits, runs, or has no output"),
)

PROBLEMS: Final = (
    _steering(
        "problem.retry", "r", "r", "retry", "Retry all", "Retry all failed files of the cause"
    ),
    _steering("problem.skip", "x", "x", "skip", "Skip", "Skip its files that wait again", rank=6),
    Key("problem.details", "enter", "enter", "details", "Details", "Unfold, or show the file"),
    _why("problem.why", "Why does the file have no output"),
)

STEALS: Final = (
    Key("steals.filter", "slash", "/", "filter", "Filter", "Show only lines with these words"),
    Key("steals.kind", "v", "v", "next_kind", "Kind", "Show steals only, failures only, …"),
    Key("steals.details", "enter", "enter", "details", "Decision", "Explain the decision"),
    _why("steals.why", "Explain why this happened, and the file's state now"),
)

TIMELINE: Final = (
    Key(
        *("time.out", "left_square_bracket", "[", "zoom(2)", "Zoom"),
        help="Show more time",
        paired=True,
    ),
    Key(
        *("time.in", "right_square_bracket", "]", "zoom(0.5)", "Zoom"),
        help="Show less time, in more detail",
        paired=True,
    ),
    Key("time.fit", "0", "0", "fit", "Fit", "Show the whole run"),
    Key("time.follow", "f", "f", "follow", "Follow", "Follow the current time"),
    Key("time.back", "less_than_sign,shift+left", "<", "pan(-0.5)", "", "Back half a screen"),
    Key(
        "time.on",
        "greater_than_sign,shift+right",
        ">",
        "pan(0.5)",
        "",
        "Forward half a screen",
    ),
    Key("time.details", "enter", "enter", "details", "File", "Show the file in detail"),
    _why("time.why", "Explain the state of the file, or the device"),
)

LOGS: Final = (
    Key("logs.filter", "slash", "/", "filter", "Search", "Show only lines with these words"),
    Key("logs.level", "v", "v", "next_level", "Level", "Show warnings and errors only, …"),
    Key("logs.follow", "f", "f", "follow", "Follow", "Follow the end of the log"),
)

REPLAY: Final = (
    Key("replay.play", "space", "space", "toggle_play", "Play", "Play or pause", rank=0),
    Key(
        *("replay.back", "comma", ",", "seek(-0.02)", "Seek"),
        help="Go back 2 % of the run",
        paired=True,
        rank=1,
    ),
    Key(
        *("replay.on", "full_stop", ".", "seek(0.02)", "Seek"),
        help="Go forward 2 % of the run",
        paired=True,
        rank=1,
    ),
    Key(
        *("replay.slower", "minus", "−", "change_speed(False)", "Speed"),
        help="Play more slowly",
        paired=True,
        rank=3,
    ),
    Key(
        *("replay.faster", "plus,equals_sign", "+", "change_speed(True)", "Speed"),
        help="Play faster",
        paired=True,
        rank=3,
    ),
    Key("replay.steal", "n", "n", "jump('steal', True)", "Steal", "Next steal or move"),
    Key(
        *("replay.steal_before", "N", "N", "jump('steal', False)", ""),
        help="Previous steal or move",
    ),
    Key(
        *("replay.failure", "b", "b", "jump('failure', True)", "Failure"),
        help="Next failure or death",
    ),
    Key(
        *("replay.failure_before", "B", "B", "jump('failure', False)", ""),
        help="Previous failure or death",
    ),
    Key("replay.start", "backspace", "⌫", "seek(-1)", "", "Go to the beginning"),
)
"""Keys of a replay; they take precedence over those of every tab."""

FILTERING: Final = (
    Key("filter.keep", "enter,down", "enter", "keep", "Keep", "Keep the filter"),
    Key("filter.give_up", "escape", "escape", "give_up", "Show all", "Show all lines again"),
)
"""Keys while a filter is typed; all others are text."""

SECTIONS: Final[dict[str, tuple[Key, ...]]] = {
    "overview": OVERVIEW,
    "queues": QUEUES,
    "problems": PROBLEMS,
    "steals": STEALS,
    "timeline": TIMELINE,
    "logs": LOGS,
    "header": HEADER,
    "tabs": SHOWING,
    "everywhere": GLOBAL,
}
"""Sections by name, those of the tabs first."""

PLACES: Final = (
    *((*GLOBAL, *SHOWING, *SECTIONS[tab]) for tab in TABS),
    REPLAY,
)
"""Sections that are active together: each tab with the global keys and those of a replay."""

KEYS: Final = tuple(key for keys in SECTIONS.values() for key in keys)

STEERING: Final = frozenset(key.action for key in KEYS if key.steers)
"""Actions that change the run: not offered after its end, nor on a read-only screen."""


def bindings(*keys: Key) -> list[BindingType]:
    """Return keys as a widget's `BINDINGS`."""
    return [key.binding() for key in keys]
