"""Turns the words and options of `control` into commands for a live run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from msgspec.structs import replace

from tui_balancer.attach.client import AttachClient
from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.patterns import absolute_pattern
from tui_balancer.scheduler.commands import (
    AddFiles,
    Command,
    Drain,
    DrainDevice,
    MoveUnits,
    PauseAll,
    PauseDevice,
    ReorderUnits,
    ResumeAll,
    ResumeDevice,
    RetryUnits,
    SetPolicy,
    SkipUnits,
    SplitUnit,
    StartDevice,
    StopNow,
    Undo,
)
from tui_balancer.scheduler.model import PolicySettings, TimeSettings
from tui_balancer.scheduler.policy.rule_settings import choices, validate
from tui_balancer.view.names import FileSelection, UnknownName, find_devices

Commands = tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """An action with its words and options; options that are not given are empty.

    Attributes:
        action: A key of `ACTIONS`.
        words: Devices, files, a number, a policy or inputs.
        to: The device that gets files.
        failed: Whether all failed files are meant too.
        waiting: A glob for waiting files that are meant too.
        now: Whether to stop without finishing the running files.
        numbers: Numbers of the policy by their names in its settings.
        model: Models with an input of their own, each as `MODEL=INPUT`.
    """

    action: str
    words: tuple[str, ...] = ()
    to: str = ""
    failed: bool = False
    waiting: str = ""
    now: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict)
    model: tuple[str, ...] = ()

    @property
    def selection(self) -> FileSelection:
        """The files that are meant."""
        return FileSelection(self.words, self.failed, self.waiting)


@dataclass(frozen=True, slots=True)
class Action:
    """An action of `control`.

    Attributes:
        commands: Returns the commands to send; asks the run for what it needs to know.
        options: Options of `Order` that it understands.
        required: Those that it needs.
        words: Minimum and maximum number of words.
    """

    commands: Callable[[Order, AttachClient], Commands]
    options: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    words: tuple[int, float] = (0, 0)


def require_sense(order: Order) -> None:
    """Check that an order has the words and options of its action, and no others.

    Raises:
        UserError: It has not; the message says what to change.
    """
    action = ACTIONS[order.action]
    for one in fields(Order):
        if one.name in ("action", "words"):
            continue
        given = bool(getattr(order, one.name))
        option = "a number of the policy" if one.name == "numbers" else f"--{one.name}"
        if given and one.name not in action.options:
            raise UserError(f"{option} does not belong to {order.action}: leave it out")
        if one.name in action.required and not given:
            raise UserError(f"{order.action} needs {option}: see `tui-balancer control --help`")
    least, most = action.words
    selects = order.failed or order.waiting or order.model
    if len(order.words) < least and not selects:
        raise UserError(f"{order.action} needs {_WORDS[order.action]}")
    if len(order.words) > most:
        raise UserError(f"{order.action} does not understand {order.words[int(most)]!r}")


def _devices(order: Order, run: AttachClient) -> tuple[str, ...]:
    """Return the devices that an order's words mean."""
    return find_devices(order.words, [one.device for one in run.status().devices])


def _pause(order: Order, run: AttachClient) -> Commands:
    if not order.words:
        return (PauseAll(),)
    return tuple(map(PauseDevice, _devices(order, run)))


def _continue(order: Order, run: AttachClient) -> Commands:
    if not order.words:
        return (ResumeAll(),)
    return tuple(map(ResumeDevice, _devices(order, run)))


def _drain(order: Order, run: AttachClient) -> Commands:
    return tuple(map(DrainDevice, _devices(order, run)))


def _start(order: Order, run: AttachClient) -> Commands:
    return tuple(map(StartDevice, _devices(order, run)))


def _threshold(order: Order, run: AttachClient) -> Commands:
    (word,) = order.words
    try:
        seconds = float(word)
    except ValueError:
        seconds = math.nan
    settings = TimeSettings(seconds)
    validate(settings)
    if not isinstance(run.status().policy, TimeSettings):
        raise UserError(
            "the policy is count, which has other numbers: change one with "
            "`policy count --threshold-ratio …`, or choose `policy time`"
        )
    return (SetPolicy(settings),)


def _policy(order: Order, run: AttachClient) -> Commands:
    (name,) = order.words
    kinds = choices(run.status().policy)
    if name not in kinds:
        raise UserError(f"there is no policy {name!r}: choose from {', '.join(kinds)}")
    settings: PolicySettings = kinds[name]
    if other := order.numbers.keys() - set(settings.__struct_fields__):
        raise UserError(f"the policy {name} has no number {min(other)}: leave it out")
    settings = replace(settings, **order.numbers)
    validate(settings)
    return (SetPolicy(settings),)


def _files(order: Order, run: AttachClient) -> tuple[int, ...]:
    """Return the numbers of the files that are meant.

    Raises:
        UnknownName: There is none.
    """
    found = run.files(order.selection)
    if found.problem:
        raise UnknownName(found.problem)
    return found.numbers


def _move(order: Order, run: AttachClient) -> Commands:
    return (MoveUnits(_files(order, run), order.to),)


def _share(order: Order, run: AttachClient) -> Commands:
    return tuple(SplitUnit(number, order.to) for number in _files(order, run))


def _first(order: Order, run: AttachClient) -> Commands:
    return (ReorderUnits(_files(order, run), first=True),)


def _last(order: Order, run: AttachClient) -> Commands:
    return (ReorderUnits(_files(order, run), first=False),)


def _skip(order: Order, run: AttachClient) -> Commands:
    return (SkipUnits(_files(order, run)),)


def _retry(order: Order, run: AttachClient) -> Commands:
    return (RetryUnits(_files(order, run)),)


def _add(order: Order, _run: AttachClient) -> Commands:
    by_model = []
    for one in order.model:
        name, equals, place = one.rpartition("=")
        if not equals:
            raise UserError(f"--model {one} has no input: write it as --model {one}=INPUT")
        by_model.append((name, absolute_pattern(place)))
    return (AddFiles(tuple(map(absolute_pattern, order.words)), tuple(by_model)),)


def _undo(_order: Order, _run: AttachClient) -> Commands:
    return (Undo(),)


def _stop(order: Order, _run: AttachClient) -> Commands:
    return (StopNow() if order.now else Drain(),)


_MANY: Final = (1, math.inf)
_CHOICE: Final = ("failed", "waiting")

ACTIONS: Final[Mapping[str, Action]] = {
    "pause": Action(_pause, words=(0, math.inf)),
    "continue": Action(_continue, words=(0, math.inf)),
    "drain": Action(_drain, words=_MANY),
    "start": Action(_start, words=_MANY),
    "threshold": Action(_threshold, words=(1, 1)),
    "policy": Action(_policy, options=("numbers",), words=(1, 1)),
    "move": Action(_move, options=("to", *_CHOICE), required=("to",), words=_MANY),
    "share": Action(_share, options=("to",), required=("to",), words=_MANY),
    "first": Action(_first, options=_CHOICE, words=_MANY),
    "last": Action(_last, options=_CHOICE, words=_MANY),
    "skip": Action(_skip, options=_CHOICE, words=_MANY),
    "retry": Action(_retry, options=_CHOICE, words=_MANY),
    "add": Action(_add, options=("model",), words=_MANY),
    "undo": Action(_undo),
    "stop": Action(_stop, options=("now",)),
}
"""Every action. To add one: a function here and a line, a word in `cli.commands.control`."""

_WORDS: Final = {
    **dict.fromkeys(("drain", "start"), "the names of devices"),
    "threshold": "a number of seconds",
    "policy": f"one of {', '.join(choices(TimeSettings()))}",
    "share": "the names of running files",
    "add": "FASTA files, folders or globs",
    **dict.fromkeys(
        ("move", "first", "last", "skip", "retry"), "the names of files, --failed or --waiting GLOB"
    ),
}
"""The words that an action needs."""
