"""The server of attached screens: who is let in, what they may do, and what holds up nobody."""

from __future__ import annotations

import os
import pickle
import socket
import stat
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import msgpack

from tests.support.attaching import DEADLINE_SECONDS, ServedRun, received
from tests.support.fake_run import FakeRun
from tests.support.pictures import FINISHED, RUNNING, SUMMARY, WORK, queue
from tests.support.told_run import told_run
from tui_balancer import __version__
from tui_balancer.attach.client import UNSURE, AttachClient, AttachedRun, reach
from tui_balancer.attach.framing import send
from tui_balancer.attach.messages import (
    AskSnapshot,
    AskUnits,
    Execute,
    Hello,
    Question,
    Refusal,
    decode_answer,
    encode,
)
from tui_balancer.attach.responder import READ_ONLY
from tui_balancer.attach.server import MOST_CLIENTS, STATUS_PAUSE_SECONDS
from tui_balancer.errors import UserError
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.scheduler.commands import Drain, Outcome, PauseAll, StopNow
from tui_balancer.workers.wire import peers

UNITS = queue(0, 200_000)
"""Far more than a socket holds."""


@pytest.fixture
def served(tmp_path: Path) -> ServedRun:
    return ServedRun(tmp_path, FakeRun(RUNNING, {"cuda:0": queue(1, 3), "cuda:1": ()}, UNITS))


def say(connection: socket.socket, message: bytes | Question[Any]) -> None:
    """Send a message, whole."""
    content = message if isinstance(message, bytes) else encode(message)
    send(connection, content, stall=DEADLINE_SECONDS)


def is_closed(connection: socket.socket) -> bool:
    """Wait for the end of a connection; False if a byte comes first."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def listening_at(path: Path) -> socket.socket:
    """Return a socket in the place of the server's, on which nobody answers."""
    path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen()
    listener.settimeout(DEADLINE_SECONDS)
    return listener


def test_a_screen_sees_the_run_as_its_own_process_does(served: ServedRun) -> None:
    served.run.happen(WORK)
    client = served.client()
    assert client.snapshot() == served.run.snapshot()
    assert client.events_after(5) == served.run.events_after(5)
    assert client.units() == UNITS
    assert client.summary() is None
    served.run.current, served.run.final = FINISHED, SUMMARY
    assert client.summary() == SUMMARY
    outcome = client.execute(Drain())
    assert (outcome.accepted, served.run.commands) == (True, [Drain()])


def test_the_socket_is_its_user_s_alone(served: ServedRun) -> None:
    path = Path(served.point.address)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_who_may_only_watch_is_refused_by_the_server_whatever_its_screen_does(
    served: ServedRun,
) -> None:
    client = served.client(read_only=True)
    assert client.snapshot() == served.run.snapshot()
    for command in (PauseAll(), StopNow()):
        assert client.execute(command) == READ_ONLY
    assert served.run.commands == []


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (Hello(__version__, b"guessed"), "The key in attach.json is not the run's."),
        (Hello(__version__, b""), "The key in attach.json is not the run's."),
        (Hello("0.0.9", b"guessed"), f"tui-balancer {__version__}, not 0.0.9. Attach with that"),
    ],
)
def test_a_wrong_key_or_version_is_refused(served: ServedRun, hello: Hello, reason: str) -> None:
    stranger = served.stranger()
    say(stranger, hello)
    refusal = decode_answer(Hello, received(stranger))
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert is_closed(stranger)


def test_a_process_of_another_user_is_hung_up_on_before_it_is_read(
    served: ServedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = served.point
    monkeypatch.setattr(peers, "peer_user", lambda _: os.geteuid() + 1)
    # The right key, and no answer to it.
    stranger = served.stranger()
    try:
        say(stranger, Hello(__version__, point.steer_key))
    except BrokenPipeError:
        return
    assert is_closed(stranger)


def test_a_screen_says_nothing_to_a_process_of_another_user(
    served: ServedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listening_at(Path(served.point.address))
    monkeypatch.setattr(peers, "peer_user", lambda _: 4_000_000_000)
    line = "belongs to user 4000000000. Only user 4000000000 can attach to this run."
    with pytest.raises(UserError, match=line):
        served.client()
    heard, _ = listener.accept()
    assert is_closed(heard)


@pytest.mark.parametrize(("mode", "what"), [(0o620, "attach"), (0o777, "")])
def test_a_socket_or_folder_that_others_can_change_is_not_used(
    served: ServedRun, mode: int, what: str
) -> None:
    (Path(served.point.address).parent / what).chmod(mode)
    with pytest.raises(UserError, match="Other users can change"):
        served.client()


HALF = struct.pack(">I", 1000) + b"half a message"
TOO_LONG = struct.pack(">I", 2**32 - 1)
NO_MESSAGES = {
    "empty": b"",
    "zeros": b"\x00" * 100,
    "a browser's": b"GET / HTTP/1.1\r\n\r\n",
    "a pickle": pickle.dumps(print),
    "no text": b"\x81\xa3ask\xac" + 11 * b"\x00" + b"\x80",
    "unknown": msgpack.encode({"ask": "evaluate", "code": "1 + 1"}),
    "an unknown command": encode(Execute(PauseAll())).replace(b"pause_all", b"pause_any"),
    "nested": b"\x91" * 4000,
    "nested in a request": msgpack.encode({"ask": "snapshot", "x": 1})[:-1] + b"\x91" * 3000,
}


@pytest.mark.parametrize("message", NO_MESSAGES.values(), ids=NO_MESSAGES)
@pytest.mark.parametrize("greeted", [False, True])
def test_what_is_no_request_is_refused_and_the_run_goes_on(
    served: ServedRun, message: bytes, greeted: bool
) -> None:
    other = served.client()
    stranger = served.greeted() if greeted else served.stranger()
    say(stranger, message)
    refusal = decode_answer(AskSnapshot, received(stranger))
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("Not a request: ")
    assert is_closed(stranger)
    assert other.snapshot() == served.run.snapshot()
    assert served.run.commands == []


@pytest.mark.parametrize("greeted", [False, True])
def test_a_message_too_long_is_refused_unread(served: ServedRun, greeted: bool) -> None:
    stranger = served.greeted() if greeted else served.stranger()
    stranger.sendall(TOO_LONG)
    refusal = decode_answer(AskSnapshot, received(stranger))
    assert isinstance(refusal, Refusal)
    assert "a message of 4,294,967,295 bytes" in refusal.reason
    assert is_closed(stranger)


@pytest.mark.parametrize("greeted", [False, True])
def test_half_a_message_is_given_up(served: ServedRun, greeted: bool) -> None:
    stranger = served.greeted() if greeted else served.stranger()
    stranger.sendall(HALF)
    stranger.close()
    served.wait_until_all_have_left()
    assert served.client().snapshot() == served.run.snapshot()


def test_an_error_of_the_run_is_an_answer_and_not_the_end_of_the_screen(
    served: ServedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_known: int) -> None:
        raise KeyError("cuda:9")

    monkeypatch.setattr(served.run, "places", fails)
    client = served.client()
    with pytest.raises(UserError, match=r"The run cannot answer: KeyError\('cuda:9'\)"):
        client.places(0)
    assert client.snapshot() == served.run.snapshot()


@pytest.mark.parametrize("begun", [b"", HALF, "greeted"], ids=["silent", "half", "not reading"])
def test_a_client_that_stalls_is_given_up_and_holds_up_nobody(
    tmp_path: Path, begun: bytes | str
) -> None:
    served = ServedRun(tmp_path, FakeRun(RUNNING, units=UNITS), patience=2.0)
    stalled = served.greeted() if begun == "greeted" else served.stranger()
    if begun == "greeted":
        # It never reads the answer, which is far more than a socket holds.
        say(stalled, AskUnits(0))
    elif isinstance(begun, bytes):
        stalled.sendall(begun)
    assert served.client().snapshot() == served.run.snapshot()
    served.wait_until_all_have_left()


def test_a_screen_that_was_given_up_connects_again_and_repeats_questions_but_no_command(
    served: ServedRun,
) -> None:
    connection = served.connection()
    client = AttachClient(connection, served.folder)
    connection.close()
    assert client.snapshot() == served.run.snapshot()
    connection.close()
    assert client.execute(PauseAll()) == UNSURE
    assert served.run.commands == []
    assert client.execute(PauseAll()).accepted


def test_too_many_at_once_are_turned_away_until_some_have_left(served: ServedRun) -> None:
    crowd = [served.greeted() for _ in range(MOST_CLIENTS)]
    assert reach(served.point, served.folder) is None
    for one in crowd:
        one.close()
    served.wait_until_all_have_left()
    assert served.client().snapshot() == served.run.snapshot()


def test_a_client_that_asks_for_the_status_without_a_pause_gets_one(
    served: ServedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    still = SimpleNamespace(monotonic=lambda: 7.0, sleep=slept.append)
    monkeypatch.setattr("tui_balancer.attach.server.time", still)
    client = served.client()
    for _ in range(3):
        client.status()
        client.snapshot()
    assert slept == pytest.approx([0.0, STATUS_PAUSE_SECONDS, STATUS_PAUSE_SECONDS])


def test_a_run_that_does_not_answer_is_told_from_one_that_is_gone(
    served: ServedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_balancer.attach.connection._HELLO_SECONDS", 0.05)
    listener = listening_at(Path(served.point.address))
    with pytest.raises(UserError, match=f"does not answer.*kill -CONT {os.getpid()}"):
        served.client()
    listener.close()
    assert reach(served.point, served.folder) is None


def test_a_screen_goes_on_with_the_ledger_when_the_run_is_gone(served: ServedRun) -> None:
    connection = served.connection()
    attached = AttachedRun(connection, told_run(served.folder))
    assert attached.snapshot() == served.run.snapshot()
    Path(served.point.address).unlink()
    connection.close()
    assert attached.snapshot() == FinishedRun(served.folder).snapshot()
    assert attached.execute(PauseAll()) == Outcome(False, "the run has ended")
