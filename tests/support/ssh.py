"""An ssh server of the test's own, which lets its user in without asking."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh


class _Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        """Ask for nothing."""
        return False


class _Server:
    """Serves on a port of loopback, in a thread of its own.

    Attributes:
        key: The server's.
        port: Where it listens, once it is `ready`.
        commands: Those that were run.
    """

    def __init__(self) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self.commands: list[str] = []
        self.ready = threading.Event()
        self._children: list[subprocess.Popen[bytes]] = []
        self._sessions: list[asyncio.Future[None]] = []

    async def serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncssh.create_server(
            _Open,
            "127.0.0.1",
            0,
            server_host_keys=[self.key],
            process_factory=self._carry_out,
            encoding=None,
        ) as acceptor:
            self.port = acceptor.get_port()
            self.ready.set()
            await self._over.wait()
            for child in self._children:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
            await asyncio.wait(self._sessions)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)

    async def _carry_out(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self._sessions.append(asyncio.ensure_future(process.wait_closed()))
        command = process.command or ""
        self.commands.append(command)
        child = subprocess.Popen(
            command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._children.append(child)
        await process.redirect(child.stdin, child.stdout, child.stderr)
        status = await asyncio.to_thread(child.wait)
        with suppress(BrokenPipeError):
            process.exit(status)


@contextmanager
def ssh_server(home: Path) -> Iterator[list[str]]:
    """Serve, and have the ssh of a user with this home folder connect there.

    Args:
        home: Gets the client's configuration and the server's public key.

    Yields:
        The commands that were run.
    """
    server = _Server()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    assert server.ready.wait(60)
    folder = home / ".ssh"
    folder.mkdir()
    public = server.key.export_public_key().decode().strip()
    (folder / "known").write_text(f"[127.0.0.1]:{server.port} {public}\n")
    (folder / "config").write_text(
        f"Host *\n  Port {server.port}\n  UserKnownHostsFile {folder / 'known'}\n"
    )
    try:
        yield server.commands
    finally:
        server.end()
        thread.join(60)
        assert not thread.is_alive()
