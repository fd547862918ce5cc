"""Another user at a run, and a run of another user's making: each meets the kernel's word."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from tests.support.attaching import DEADLINE_SECONDS, ServedRun
from tests.support.commands import attach_command, complete
from tui_balancer import __version__
from tui_balancer.attach.framing import send
from tui_balancer.attach.messages import Hello, encode
from tui_balancer.attach.point import AttachPoint
from tui_balancer.run_folder.names import ATTACH_FILE

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can be another user; stand-ins are in the unit tests"
)

NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can enter, as those of tests are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def as_nobody(action: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a process of another user; it is forked, for they may not read this Python."""

    def act() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        action(*arguments)

    process = multiprocessing.get_context("fork").Process(target=act)
    process.start()
    return process


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._file,)


@dataclass
class Trap:
    """A run folder whose attach file leads to a socket that serves pickles, all of another user.

    Attributes:
        folder: The run folder.
        heard: What each client has said first.
    """

    folder: Path
    heard: Any
    ready: Any

    @property
    def socket(self) -> Path:
        return self.folder / "sockets" / "attach"

    @property
    def word(self) -> Path:
        return self.folder / ATTACH_FILE

    @property
    def harmless(self) -> bool:
        """Whether no pickle was read."""
        return not (self.folder / "ran").exists()

    def serve(self) -> None:
        """Send a pickle to whoever comes."""
        bomb = pickle.dumps(Bomb(self.folder / "ran"))
        self.socket.parent.mkdir(mode=0o755)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.socket))
        self.socket.chmod(0o777)
        listener.listen()
        AttachPoint(socket.gethostname(), os.getpid(), str(self.socket), b"s", b"w").write(
            self.folder
        )
        self.word.chmod(0o644)
        self.ready.set()
        while True:
            connection, _ = listener.accept()
            said = b""
            with suppress(ConnectionError):
                send(connection, bomb, stall=None)
                said = connection.recv(1)
            self.heard.put(said)


@pytest.fixture
def trap(open_folder: Path) -> Iterator[Trap]:
    context = multiprocessing.get_context("fork")
    laid = Trap(open_folder, context.SimpleQueue(), context.Event())
    attacker = as_nobody(laid.serve)
    assert laid.ready.wait(DEADLINE_SECONDS)
    yield laid
    attacker.kill()
    attacker.join()


def refusal(folder: Path) -> str:
    """Return the one line with which a person is refused who attaches."""
    done = complete(attach_command(folder, "--headless"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    return done.stderr.removeprefix("tui-balancer: ").rstrip()


def test_a_run_of_another_user_is_refused_and_nothing_of_theirs_is_executed(trap: Trap) -> None:
    line = f"{trap.folder} belongs to nobody. Only nobody can attach to this run."
    assert refusal(trap.folder) == line
    trap.word.chmod(0o600)
    assert refusal(trap.folder) == line
    assert trap.harmless
    assert trap.heard.empty()


def test_an_attach_file_of_one_s_own_does_not_lead_to_a_socket_of_another_user(trap: Trap) -> None:
    os.chown(trap.word, 0, 0)
    line = f"{trap.socket.parent} belongs to nobody. {trap.folder} cannot be attached to."
    assert refusal(trap.folder) == line
    assert trap.harmless
    assert trap.heard.empty()


def test_who_listens_is_what_counts_whoever_the_files_belong_to(trap: Trap) -> None:
    for path in (trap.word, trap.socket.parent, trap.socket):
        os.chown(path, 0, 0)
    trap.socket.chmod(0o755)
    line = f"{trap.folder} belongs to nobody. Only nobody can attach to this run."
    assert refusal(trap.folder) == line
    assert trap.harmless
    assert trap.heard.get() == b""


def steal(point: AttachPoint, said: Path) -> None:
    """Connect with the right key, and write down what is answered."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(DEADLINE_SECONDS)
    try:
        connection.connect(point.address)
        send(connection, encode(Hello(__version__, point.steer_key)), stall=DEADLINE_SECONDS)
        said.write_bytes(connection.recv(100))
    except ConnectionError:
        said.write_bytes(b"")
    except PermissionError:
        said.write_text("locked out")


@pytest.mark.parametrize("open_door", [False, True], ids=["as it is", "the folder left open"])
def test_a_process_of_another_user_cannot_use_even_the_right_key(
    open_folder: Path, open_door: bool
) -> None:
    served = ServedRun(open_folder)
    if open_door:
        Path(served.point.address).parent.chmod(0o755)
        Path(served.point.address).chmod(0o666)
    thief = as_nobody(steal, served.point, open_folder / "said")
    thief.join(DEADLINE_SECONDS)
    assert thief.exitcode == 0
    assert (open_folder / "said").read_text() == ("" if open_door else "locked out")
    assert served.run.commands == []
