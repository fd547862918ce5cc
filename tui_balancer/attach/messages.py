"""Messages between a screen and a run: typed values, as plain MessagePack.

A conversation begins with a `Hello`. Each request is then answered by an `Answer` with the value
that its class names, or by a `Refusal`. To add a request: its class, and a line in `AnyRequest`.
"""

from __future__ import annotations

from array import array
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from tui_balancer import __version__
from tui_balancer.scheduler.commands import AnyCommand, Outcome
from tui_balancer.scheduler.events import RunEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import RunHandle, RunSnapshot, RunSummary
from tui_balancer.view.names import FileSelection, UnknownName, select_files
from tui_balancer.view.status import RunStatus, status_of

Value = TypeVar("Value")


class Role(Enum):
    """What the key of a connection allows."""

    STEER = "steer"
    WATCH = "watch"


class Answer(Struct, Generic[Value], frozen=True, tag="answer"):
    """The result of a request."""

    value: Value


class Refusal(Struct, frozen=True, tag="refusal"):
    """Why there is no answer, in one line."""

    reason: str


class Question(Struct, Generic[Value], frozen=True, tag_field="ask", forbid_unknown_fields=True):
    """A request that is answered by a `Value`."""


class Hello(Question[Role], frozen=True, tag="hello"):
    """The first message of a connection, answered by what it allows.

    Attributes:
        version: Of the program: the messages are those of one version.
        key: From the run's attach file.
    """

    version: str
    key: bytes


class Request(Question[Value], frozen=True):
    """A question to a run: the method of `RunHandle` that its tag names, with its fields.

    Attributes:
        steers: Whether it changes the run, which needs the key that allows it.
    """

    steers: ClassVar[bool] = False

    def answer(self, run: RunHandle) -> Value:
        """Return the run's answer."""
        ask = getattr(run, str(self.__struct_config__.tag))
        return cast(Value, ask(*astuple(self)))


class AskSnapshot(Request[RunSnapshot], frozen=True, tag="snapshot"):
    """See `RunHandle.snapshot`."""


class AskEvents(Request[tuple[RunEvent, ...]], frozen=True, tag="events_after"):
    """See `RunHandle.events_after`."""

    sequence: int


class AskUnits(Request[tuple[Unit, ...]], frozen=True, tag="units"):
    """The units of `RunHandle.units` behind the first ones, which the screen knows."""

    known: int

    def answer(self, run: RunHandle) -> tuple[Unit, ...]:
        """Return the run's answer."""
        return tuple(run.units()[self.known :])


class PlacesMessage(Struct, frozen=True):
    """`Places` on the way, the numbers of a queue as the bytes of their array."""

    last_event: int
    queues: dict[str, bytes]
    ended: bytes

    def places(self) -> Places:
        """Return the original value."""
        queues = {device: array("i", numbers) for device, numbers in self.queues.items()}
        return Places(self.last_event, queues, self.ended)


class AskPlaces(Request[PlacesMessage | None], frozen=True, tag="places"):
    """See `RunHandle.places`."""

    known: int

    def answer(self, run: RunHandle) -> PlacesMessage | None:
        """Return the run's answer."""
        places = run.places(self.known)
        if places is None:
            return None
        queues = {device: numbers.tobytes() for device, numbers in places.queues.items()}
        return PlacesMessage(places.last_event, queues, places.ended)


class AskSummary(Request[RunSummary | None], frozen=True, tag="summary"):
    """See `RunHandle.summary`."""


class AskStatus(Request[RunStatus], frozen=True, tag="status"):
    """The run in brief. Its answer is small, and may be some tenths of a second old."""

    def answer(self, run: RunHandle) -> RunStatus:
        """Return the run's answer."""
        return status_of(run.snapshot())


class FilesFound(Struct, frozen=True):
    """The numbers of selected files, or why there are none."""

    numbers: tuple[int, ...] = ()
    problem: str = ""


class AskFiles(Request[FilesFound], frozen=True, tag="files"):
    """The numbers of the files that a person means: their names need not cross over."""

    selection: FileSelection

    def answer(self, run: RunHandle) -> FilesFound:
        """Return the run's answer."""
        try:
            return FilesFound(select_files(run, self.selection))
        except UnknownName as unknown:
            return FilesFound(problem=str(unknown))


class Execute(Request[Outcome], frozen=True, tag="execute"):
    """See `RunHandle.execute`."""

    steers: ClassVar[bool] = True

    command: AnyCommand


AnyRequest = (
    AskSnapshot | AskEvents | AskUnits | AskPlaces | AskSummary | AskStatus | AskFiles | Execute
)

_encoder = msgspec.msgpack.Encoder()
_hellos = msgspec.msgpack.Decoder(Hello)
_requests = msgspec.msgpack.Decoder(AnyRequest)


def other_version(version: str) -> Refusal:
    """Return the refusal of a client of another version."""
    return Refusal(
        f"The run uses tui-balancer {__version__}, not {version}. Attach with that version."
    )


def encode(message: Question[Any] | Answer[Any] | Refusal) -> bytes:
    """Return a message as bytes."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        # The name of a folder can be bytes that are no text: they are shown as `\udcff`.
        return _encoder.encode(_as_text(msgspec.to_builtins(message, builtin_types=(bytes,))))


def decode_hello(message: bytes | bytearray) -> Hello:
    """Return a hello from its bytes.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return _decoded(_hellos, message)


def decode_request(message: bytes | bytearray) -> AnyRequest:
    """Return a request from its bytes.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return _decoded(_requests, message)


def decode_answer(question: type[Question[Value]], message: bytes | bytearray) -> Value | Refusal:
    """Return what came in answer to a kind of question.

    Raises:
        msgspec.DecodeError: It is no answer to that.
    """
    answer = _decoded(_answers(question), message)
    return answer if isinstance(answer, Refusal) else cast(Value, answer.value)


def _decoded(decoder: msgspec.msgpack.Decoder[Value], message: bytes | bytearray) -> Value:
    try:
        return decoder.decode(message)
    except (UnicodeDecodeError, RecursionError) as problem:
        raise msgspec.DecodeError(str(problem)) from problem


@cache
def _answers(question: type[Question[Any]]) -> msgspec.msgpack.Decoder[Answer[Any] | Refusal]:
    (value,) = get_args(question.__orig_bases__[0])  # type: ignore[attr-defined]
    return msgspec.msgpack.Decoder(Answer[value] | Refusal)  # type: ignore[valid-type]


def _as_text(value: object) -> object:
    """Return a tree of plain values in which every string can be encoded."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_as_text(key): _as_text(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(one) for one in value]
    return value
