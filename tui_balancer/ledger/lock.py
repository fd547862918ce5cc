"""The lock of a run folder: one app process works on a run at a time.

The kernel's lock on `run.lock` decides, for it dies with its holder. What the file says (who
holds it) is there to be shown, and to decide where the kernel's word does not reach: on file
systems whose locks do not cross machines, or that have none.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from tui_balancer.errors import UserError

LOCK_NAME = "run.lock"

_BEGIN = b'{"pid": '
"""How what this program writes into the file begins."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)

_START_TOLERANCE_SECONDS = 5.0
"""The start time of a process is relative to the boot, whose time the clock's
adjustments shift a little."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that works on a run.

    Attributes:
        started_at: When the process started, Unix time.
        boot: Identifies the boot of the machine; empty where the system does not tell.
    """

    pid: int
    host: str
    started_at: float
    boot: str

    @classmethod
    def this_process(cls) -> LockHolder:
        """Return the process that asks."""
        boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
        return cls(os.getpid(), socket.gethostname(), psutil.Process().create_time(), boot)

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.started_at).strftime("%Y-%m-%d %H:%M:%S")
        return f"process {self.pid} on {self.host} (since {since})"


class UnwritableFolder(UserError):
    """A run folder cannot be locked, because this user cannot write it."""


class RunLock:
    """A held lock; released by `release`, or by the end of the process however it ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> RunLock:
        """Take the lock of a run folder that exists.

        Raises:
            UnwritableFolder: The folder cannot be written.
            UserError: A live process holds it, or one of another machine that may live; or a file
                of others has its name.
        """
        path = folder / LOCK_NAME
        refuse_foreign_lock(folder)
        try:
            descriptor = _lock(path)
        except BlockingIOError as error:
            raise UserError(_in_use(folder, lock_holder(folder))) from error
        except OSError as error:
            kind = UnwritableFolder if error.errno in _UNWRITABLE else UserError
            raise kind(f"cannot lock the run folder {folder}: {error.strerror}") from error
        me = LockHolder.this_process()
        try:
            refuse_in_use(folder, me)
        except UserError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(me)).encode(), 0)
        os.fsync(descriptor)
        return cls(path, descriptor)

    def release(self) -> None:
        """Release the lock; what another process has put at its path is left alone."""
        with suppress(OSError):
            # One that was moved away with its folder is empty from now on.
            os.ftruncate(self._descriptor, 0)
            if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                self._path.unlink()
        os.close(self._descriptor)


def refuse_foreign_lock(folder: Path) -> None:
    """Refuse a folder in which a foreign file has the name of the lock.

    Raises:
        UserError: There is one.
    """
    path = folder / LOCK_NAME
    try:
        mode = path.lstat().st_mode
        ours = stat.S_ISREG(mode) and _is_lock(path)
    except OSError:
        # Nothing is there, or locking it will say what is wrong.
        return
    if not ours:
        raise UserError(
            f"{path} is not a lock file of tui-balancer. Move it away, or choose another folder"
        )


def _is_lock(path: Path) -> bool:
    """Whether a file begins as a lock does; what a crash left of one may be short, or zeros."""
    with path.open("rb") as file:
        begin = file.read(len(_BEGIN))
    return _BEGIN.startswith(begin) or not begin.strip(b"\0")


def refuse_in_use(folder: Path, me: LockHolder) -> None:
    """Refuse a run folder that another process works in, as far as its lock file tells.

    Raises:
        UserError: Somebody may.
    """
    holder = lock_holder(folder)
    if holder is not None and _may_live(holder, me):
        raise UserError(_in_use(folder, holder, elsewhere=holder.host != me.host))


def lock_holder(folder: Path) -> LockHolder | None:
    """Return who holds a run folder or held it when it died; None for a free one."""
    try:
        return LockHolder(**json.loads((folder / LOCK_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _lock(path: Path) -> int:
    """Return an open descriptor of the lock file with the kernel's lock on it.

    Raises:
        BlockingIOError: Somebody else has it.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
                os.close(descriptor)
                raise
        # Its holder may have removed the file between the two calls.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _may_live(holder: LockHolder, me: LockHolder) -> bool:
    """Whether the process named in a lock that the kernel gave us may still be at work."""
    # Containers of one machine have different names but share its boot and its kernel's locks.
    same_boot = holder.boot == me.boot if holder.boot else holder.host == me.host
    if not same_boot:
        return holder.host != me.host
    try:
        started_at = psutil.Process(holder.pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started_at - holder.started_at) < _START_TOLERANCE_SECONDS


def _in_use(folder: Path, holder: LockHolder | None, elsewhere: bool = False) -> str:
    who = holder or "another process"
    if elsewhere:
        return (
            f"{folder} is in use by {who}, which this machine cannot check: "
            f"if that run is over, remove {folder / LOCK_NAME}"
        )
    return (
        f"{folder} is in use by {who}: watch it with `tui-balancer attach {folder}`, wait for its "
        "end, or stop it"
    )
