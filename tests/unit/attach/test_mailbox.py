"""Letters to a run: who may write them steers, each is carried out once, and none breaks it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.attaching import ServedRun
from tests.support.commands import tui_balancer_here
from tests.support.fake_run import FakeRun
from tests.support.pictures import QUEUES, RUNNING, UNITS
from tui_balancer import __version__
from tui_balancer.attach import mailbox_client, mailbox_server
from tui_balancer.attach.client import UNSURE, AttachClient
from tui_balancer.attach.letters import (
    ANSWER,
    REQUEST,
    Letter,
    encode_letter,
    mailbox,
    open_folder,
    put,
)
from tui_balancer.attach.mailbox_client import MailboxConnection
from tui_balancer.attach.mailbox_server import KEPT_SECONDS, MOST_AT_ONCE, MailboxServer
from tui_balancer.attach.messages import (
    AskSnapshot,
    Execute,
    Refusal,
    decode_answer,
    encode,
)
from tui_balancer.attach.responder import READ_ONLY, Responder
from tui_balancer.errors import UserError
from tui_balancer.scheduler.commands import Outcome, PauseAll, PauseDevice


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_server, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(mailbox_client, "_POLL_SECONDS", 0.01)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[ServedRun]:
    """A served run of whose machine this one is not."""
    served = ServedRun(tmp_path, FakeRun(RUNNING, QUEUES, UNITS))
    replace(served.point, host="node17").write(served.folder)
    yield served
    served.server.close()


def test_a_run_on_another_machine_is_steered_with_the_same_answers(elsewhere: ServedRun) -> None:
    elsewhere.run.outcomes = [Outcome(True, "paused"), Outcome(False, "not now")]
    done = tui_balancer_here("control", elsewhere.folder, "pause", "cuda:0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "paused\n", "")
    refused = tui_balancer_here("control", elsewhere.folder, "first", "contigs_0101.faa")
    assert (refused.returncode, refused.stderr) == (1, "tui-balancer: not now\n")
    status = json.loads(tui_balancer_here("status", elsewhere.folder, "--json").stdout)
    assert status["totals"]["done"] == 1023
    why = tui_balancer_here("explain", elsewhere.folder, "cuda:2")
    assert (why.returncode, why.stdout[:16]) == (0, "cuda:2 is paused")


def test_the_screen_is_shown_on_the_run_s_own_machine_only(elsewhere: ServedRun) -> None:
    ended = tui_balancer_here("attach", elsewhere.folder, "--headless")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "is on node17 (process " in ended.stderr


def test_who_may_not_write_there_is_told_where_to_go(
    elsewhere: ServedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_balancer.attach.client.may_write", lambda _folder: False)
    ended = tui_balancer_here("control", elsewhere.folder, "pause")
    assert (ended.returncode, elsewhere.run.commands) == (2, [])
    assert "Attach to it there" in ended.stderr


def test_a_client_that_only_watches_is_refused_by_the_run(elsewhere: ServedRun) -> None:
    connection = MailboxConnection(elsewhere.folder, read_only=True)
    assert connection.ask(AskSnapshot()) == elsewhere.run.snapshot()
    assert connection.ask(Execute(PauseAll())) == READ_ONLY
    assert elsewhere.run.commands == []


def test_the_folder_is_gone_with_the_run_and_so_is_what_lay_in_it(tmp_path: Path) -> None:
    box = mailbox(tmp_path)
    box.mkdir()
    (box / f"old{REQUEST}").write_bytes(b"")
    (box / f"old{ANSWER}").write_bytes(b"")
    served = ServedRun(tmp_path)
    assert AttachClient(MailboxConnection(tmp_path, read_only=False), tmp_path).status()
    assert served.run.commands == []
    served.server.close()
    assert not box.exists()
    with pytest.raises(OSError, match=r"mailbox"):
        MailboxConnection(tmp_path, read_only=False).ask(AskSnapshot())


def test_a_run_that_does_not_answer_is_named_and_its_letter_withdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_client, "ANSWER_SECONDS", 0.05)
    mailbox(tmp_path).mkdir()
    with pytest.raises(UserError, match="does not answer"):
        MailboxConnection(tmp_path, read_only=False).ask(Execute(PauseAll()))
    assert list(mailbox(tmp_path).iterdir()) == []


def test_a_command_that_was_read_and_not_answered_is_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_client, "ANSWER_SECONDS", 0.05)
    box = mailbox(tmp_path)
    box.mkdir()

    def read_it(_seconds: float) -> None:
        for letter in box.glob(f"*{REQUEST}"):
            letter.unlink()

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=read_it)
    monkeypatch.setattr("tui_balancer.attach.mailbox_client.time", clock)
    client = AttachClient(MailboxConnection(tmp_path, read_only=False), tmp_path)
    assert client.execute(PauseAll()) == UNSURE


class Post:
    """A mailbox whose server moves only when a test says so."""

    def __init__(self, folder: Path) -> None:
        self.run = FakeRun(RUNNING)
        self.now = 0.0
        self.path = mailbox(folder)
        self.path.mkdir()
        self.server = MailboxServer(folder, Responder(self.run), lambda: self.now)

    def put(self, name: str, content: bytes) -> None:
        directory = open_folder(self.path)
        put(f"{name}{REQUEST}", content, directory)
        os.close(directory)

    def command(self, name: str, version: str = __version__) -> None:
        request = encode(Execute(PauseDevice(name)))
        self.put(name, encode_letter(Letter(version, request, False)))

    def answers(self) -> set[str]:
        return {path.stem for path in self.path.glob(f"*{ANSWER}")}

    def refusal(self, name: str) -> str:
        answer = decode_answer(Execute, (self.path / f"{name}{ANSWER}").read_bytes())
        assert isinstance(answer, Refusal)
        return answer.reason


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


STEPS = st.lists(
    st.sampled_from(("command", "command", "garbage", "withdraw", "tick", "fetch")), max_size=25
)


@given(STEPS)
def test_each_command_is_carried_out_once_in_any_order_of_events(steps: list[str]) -> None:
    with TemporaryDirectory() as folder:
        post = Post(Path(folder))
        waiting: list[str] = []
        expected: list[str] = []
        answered: set[str] = set()
        for number, step in enumerate([*steps, "tick"]):
            name = f"{number:03}"
            if step == "command":
                post.command(name)
                waiting.append(name)
            elif step == "garbage":
                post.put(name, b"none of this")
                answered.add(name)
            elif step == "withdraw" and waiting:
                (post.path / f"{waiting.pop()}{REQUEST}").unlink()
            elif step == "tick":
                post.server.tick()
                expected += waiting
                answered |= set(waiting)
                waiting = []
                assert post.answers() == answered
            elif step == "fetch" and (ready := post.answers()):
                (post.path / f"{min(ready)}{ANSWER}").unlink()
                answered.discard(min(ready))
        assert [command.device for command in post.run.commands] == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", ["link", "folder", "pipe", "long"])
def test_what_is_no_letter_is_removed_and_answered_or_left_alone(
    post: Post, make: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = post.path / f"x{REQUEST}"
    secret = post.path.parent / "secret"
    secret.write_text("mine")
    if make == "link":
        place.symlink_to(secret)
    elif make == "folder":
        place.mkdir()
    elif make == "pipe":
        os.mkfifo(place)
    else:
        monkeypatch.setattr(mailbox_server, "MOST_LETTER_BYTES", 10)
        place.write_bytes(b"x" * 11)
    post.server.tick()
    post.server.tick()
    assert secret.read_text() == "mine"
    if make == "folder":
        assert (place.exists(), post.answers()) == (True, set())
    else:
        assert not os.path.lexists(place)
        assert post.refusal("x").startswith("Not a request: x.request ")


def test_a_letter_of_another_version_is_refused(post: Post) -> None:
    post.command("cuda:0", version="0.0.9")
    post.server.tick()
    assert post.refusal("cuda:0").startswith(f"The run uses tui-balancer {__version__}, not 0.0.9")
    assert post.run.commands == []


def test_answers_that_nobody_fetches_are_removed(post: Post) -> None:
    post.command("cuda:0")
    post.server.tick()
    post.now = KEPT_SECONDS
    post.server.tick()
    assert post.answers() == {"cuda:0"}
    post.now = KEPT_SECONDS + 1
    post.server.tick()
    assert post.answers() == set()


def test_a_flood_is_answered_a_part_at_a_time(post: Post) -> None:
    for number in range(MOST_AT_ONCE + 3):
        post.command(f"cuda:{number:03}")
    post.server.tick()
    assert len(post.answers()) == MOST_AT_ONCE
    post.server.tick()
    assert len(post.answers()) == len(post.run.commands) == MOST_AT_ONCE + 3


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    mailbox(run_folder).symlink_to(theirs)
    (theirs / f"x{REQUEST}").write_bytes(b"")
    server = MailboxServer(run_folder, Responder(FakeRun(RUNNING)))
    server.open()
    server.close()
    with pytest.raises(OSError, match=r"mailbox"):
        server.tick()
    assert [path.name for path in theirs.iterdir()] == [f"x{REQUEST}"]
