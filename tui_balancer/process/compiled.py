"""C of our own, compiled on the machine that it runs on, for the very processor at hand.

Compiled once, and kept in the user's cache. A name there says of what it was made, so nothing is
ever out of date, and ends in the hash of the content, so nothing is run that was damaged.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from ctypes import CDLL
from pathlib import Path

from tui_balancer.cache import COMPILED, cache_folder

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC")
FOR_THIS_PROCESSOR = ("-march=native", "-mcpu=native")
"""How it is said: to most compilers; to those of Arm's processors that know no other."""

_COMPILING_SECONDS = 60.0

_log = logging.getLogger(__name__)


class NotCompiled(Exception):
    """There is no library, and why: one line."""


def compiled(source: Path) -> CDLL:
    """Return a C file as a library, compiled now if it has not been before.

    It may include the headers of its folder.

    Raises:
        NotCompiled: There is no compiler, it refuses, or what it made cannot be loaded.
    """
    try:
        text = b"".join(one.read_bytes() for one in (source, *sorted(source.parent.glob("*.h"))))
        kind = hashlib.sha256(text + repr((FLAGS, _processor())).encode()).hexdigest()[:16]
        name = f"{source.stem}-{kind}"
        try:
            folder = _own_folder()
            library = _kept(folder, name) or _compile(source, folder, name)
            return CDLL(str(library))
        except OSError as error:
            _log.info("nothing compiled is kept: %s", error)
        # A home that is full or read-only, as those of compute nodes may be: compiled all the
        # same, but by each process for itself. Once loaded, the file is not needed.
        with tempfile.TemporaryDirectory() as scratch:
            return CDLL(str(_compile(source, Path(scratch), name)))
    except OSError as error:
        raise NotCompiled(str(error)) from error


def _own_folder() -> Path:
    """Return the folder of libraries, which no other user may write to: they are run.

    Raises:
        OSError: There is none, or another can.
    """
    folder = cache_folder() / COMPILED
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{folder} can be written by others")
    return folder


def _kept(folder: Path, name: str) -> Path | None:
    """Return a library that was compiled before and is whole."""
    whole = (path for path in folder.glob(f"{name}-*.so") if path == _named(path, folder, name))
    return next(whole, None)


def _named(content: Path, folder: Path, name: str) -> Path:
    """Return where a library belongs that has this content."""
    return folder / f"{name}-{hashlib.sha256(content.read_bytes()).hexdigest()[:16]}.so"


def _compile(source: Path, folder: Path, name: str) -> Path:
    """Compile a file into a folder, as one of the compilers understands it; return the library.

    Raises:
        NotCompiled: None is there, or it refuses.
        OSError: There is no place for what it makes.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise NotCompiled(f"no C compiler: none of {', '.join(COMPILERS)} is there")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / f"{name}.so"
        for processor in FOR_THIS_PROCESSOR:
            command = (compiler, *FLAGS, processor, "-o", str(made), str(source))
            returncode, said = _run(command)
            if returncode == 0:
                # At once and whole: another process may be about to load it.
                return made.replace(_named(made, folder, name))
    reasons = [line for line in said.splitlines() if "error" in line]
    raise NotCompiled(f"{compiler}: {reasons[0] if reasons else 'it fails'}")


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Return a compiler's exit code and its messages.

    Raises:
        NotCompiled: It takes too long, and is killed with all that it started.
    """
    # The reason is searched for by an English word.
    environment = {**os.environ, "LC_ALL": "C"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=_COMPILING_SECONDS)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise NotCompiled(f"{command[0]} takes too long") from error
    return process.returncode, said.decode("utf-8", "replace")


def _processor() -> str:
    """Return what tells processors apart: a cache may be shared by the machines of a cluster."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    kinds = ("model name", "flags", "Features", "CPU part")
    told = dict(line.partition(":")[::2] for line in lines if line.startswith(kinds))
    return f"{platform.machine()} {platform.processor()} {sorted(told.items())}"
