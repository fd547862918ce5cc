"""Places for the nodes of a cluster: machines of a network of their own, or loopback addresses.

On Linux, for root, each node has a network namespace with a cable to a switch, which is another
one. Nothing of it has a name outside, and each namespace lasts as long as a process that reads from
a pipe of this one: whatever ends this process ends the network, too.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

_numbers = count()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is.

    Attributes:
        address: Its own.
        entrance: The beginning of a command that runs there.
    """

    address: str
    entrance: tuple[str, ...] = ()


class Network(Protocol):
    """Gives nodes their places.

    Attributes:
        kind: What a person is told that the nodes are.
        here: The address of this process.
    """

    kind: str
    here: str

    def join(self, name: str) -> Place:
        """Return the place of a new node."""

    def close(self) -> None:
        """Take it away."""


class Loopback:
    """All nodes on one machine, each with an address of its own, which nobody can cut off."""

    kind = "addresses of one machine's loopback"
    here = "127.0.0.1"

    def __init__(self) -> None:
        self._numbers = count(2)

    def join(self, name: str) -> Place:
        """See `Network.join`."""
        return Place(f"127.0.0.{next(self._numbers)}")

    def close(self) -> None:
        """See `Network.close`."""


class Switch:
    """A switch in a network namespace, with a cable to this process's and one to each node's.

    Raises:
        OSError: There is nothing of the kind on this machine, or not for this user.
    """

    kind = "network namespaces"

    def __init__(self) -> None:
        self._namespaces: list[_Namespace] = []
        try:
            self._switch = self._added()
            self._switch.ip("link add switch type bridge", "link set switch up")
            name = f"tb{os.getpid()}-{next(_numbers)}"
            _ip(f"link add {name} type veth peer name here netns {self._switch.pid}")
            self._switch.ip("link set here master switch up")
            # A network for benchmarks (RFC 2544); an index is no other interface's.
            index = int(Path(f"/sys/class/net/{name}/ifindex").read_text())
            self._network = f"198.{18 + index // 256 % 2}.{index % 256}"
            self.here = f"{self._network}.1"
            _ip(f"address add {self.here}/24 dev {name}", f"link set {name} up")
        except BaseException:
            self.close()
            raise

    def join(self, name: str) -> Place:
        """See `Network.join`."""
        node = self._added()
        address = f"{self._network}.{len(self._namespaces)}"
        self._switch.ip(
            f"link add {name} type veth peer name eth0 netns {node.pid}",
            f"link set {name} master switch up",
        )
        node.ip("link set lo up", f"address add {address}/24 dev eth0", "link set eth0 up")
        return Place(address, node.entrance)

    def cut(self, name: str) -> None:
        """Pull a node's cable out: what it says, and what it is told, waits or is lost."""
        self._switch.ip(f"link set {name} down")

    def mend(self, name: str) -> None:
        """Plug it in again."""
        self._switch.ip(f"link set {name} up")

    def close(self) -> None:
        """See `Network.close`."""
        for namespace in self._namespaces:
            namespace.close()

    def _added(self) -> _Namespace:
        self._namespaces.append(_Namespace())
        return self._namespaces[-1]


class _Namespace:
    """A network namespace without a name.

    Attributes:
        pid: The process that holds it.
        entrance: See `Place`.
    """

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._holder.pid
        self.entrance = ("nsenter", f"--net=/proc/{self.pid}/ns/net")
        assert self._holder.stdout is not None
        if not self._holder.stdout.readline():
            self.close()
            raise PermissionError("no network namespace is to be had")

    def ip(self, *commands: str) -> None:
        """Run commands of `ip` there."""
        _ip(*commands, entrance=self.entrance)

    def close(self) -> None:
        """Let go of it: it lasts as long as processes are in it."""
        self._holder.kill()
        self._holder.communicate()


def _ip(*commands: str, entrance: tuple[str, ...] = ()) -> None:
    """Run commands of `ip`, here or elsewhere.

    Raises:
        OSError: One of them failed, or there is no such program.
    """
    ran = subprocess.run(
        [*entrance, "ip", "-batch", "-"],
        input="\n".join((*commands, "")),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise OSError(f"ip: {' '.join(ran.stderr.split())}")


def best_network() -> Network:
    """Return a network of namespaces where the machine and the user have such, else loopback."""
    try:
        return Switch()
    except OSError:
        return Loopback()


def free_port(address: str) -> int:
    """Return a port that nobody listens on, and that no connection is given by the kernel."""
    for port in random.sample(range(10_000, 30_000), 1000):
        with suppress(OSError), closing(socket.create_server((address, port))):
            return port
    raise OSError(f"no port of {address} is free")
