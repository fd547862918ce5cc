"""Machines and users that a short form of the tests is run under, each imitated on this one.

A setting is a few variables of the environment, and a command that begins another one there.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui_balancer.cache import CACHE_VARIABLE
from tui_balancer.process.compiled import COMPILERS

ROOT = Path(__file__).parents[2]
NOBODY = 65534

_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "dist", ".*_cache", ".hypothesis")


class NotHere(Exception):
    """This machine cannot imitate the setting, and why: one line."""


@dataclass(frozen=True)
class Start:
    """How a process is started in a setting.

    Attributes:
        prefix: The beginning of its command.
        environment: What is added to this process's environment, or takes the place of it.
        whole: Whether `environment` is all that there is.
        tree: The working directory.
        modules: Folders that modules are looked for in, besides the tree.
        user: Number of the user that the process becomes; None for this one's.
    """

    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    tree: Path = ROOT
    modules: tuple[str, ...] = ()
    user: int | None = None


@dataclass(frozen=True)
class Setting:
    """One machine or user.

    Attributes:
        name: What it is called on the command line.
        what: One line for a person.
        start: Returns how to start there, given an empty folder for what that takes.
    """

    name: str
    what: str
    start: Callable[[Path], Start]


def _variables(**environment: str) -> Callable[[Path], Start]:
    return lambda scratch: Start(environment=environment)


def _one_core(scratch: Path) -> Start:
    core = min(os.sched_getaffinity(0))
    return Start(("taskset", "--cpu-list", str(core)))


def _shell(script: str, *before: str) -> Start:
    """Return a start by way of a script of the shell, run by the command `before`."""
    return Start((*before, "sh", "-euc", f'{script}\nexec "$@"', "sh"))


def _six_cores(scratch: Path) -> Start:
    """Let every process see six cores, however many there are."""
    (scratch / "sitecustomize.py").write_text(
        "import os\nos.sched_getaffinity = lambda pid: set(range(6))\nos.cpu_count = lambda: 6\n"
    )
    return Start(modules=(str(scratch),))


def _umask(scratch: Path) -> Start:
    return _shell("umask 077")


def _background(scratch: Path) -> Start:
    return _shell("trap '' INT QUIT HUP")


def _namespace(kind: str) -> tuple[str, ...]:
    """Return the beginning of a command in a namespace of its own, as whoever may make one."""
    return ("unshare", f"--{kind}", *(() if os.geteuid() == 0 else ("--map-root-user",)))


def _no_network(scratch: Path) -> Start:
    script = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6\nip link set lo up"
    return _shell(script, *_namespace("net"))


def _no_shared_memory(scratch: Path) -> Start:
    return _shell("mount -t tmpfs -o ro tmpfs /dev/shm", *_namespace("mount"))


_MKL = {"avx512": "AVX512", "avx2": "AVX2", "default": "SSE4_2"}
"""MKL's names of what torch calls by these."""


def _processor(march: str, onednn: str, aten: str, flag: str = "") -> Callable[[Path], Start]:
    """Return a start on an x86 processor that can do no more than this.

    `flag` is what the system calls the instructions that this one must have for it.

    oneDNN, torch and MKL heed variables; what we compile ourselves is compiled by a compiler of
    the same name that has the last word about the processor. What is compiled for this one is in
    another cache.
    """

    def start(scratch: Path) -> Start:
        if platform.machine() not in ("x86_64", "AMD64"):
            raise NotHere(f"{platform.machine()} is no x86 processor")
        if f" {flag}" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
            raise NotHere(f"this processor has no {flag}")
        for name in COMPILERS:
            if compiler := shutil.which(name):
                wrapper = scratch / name
                wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(compiler)} "$@" -march={march}\n')
                wrapper.chmod(0o755)
        environment = {
            "PATH": f"{scratch}{os.pathsep}{os.environ['PATH']}",
            CACHE_VARIABLE: str(scratch / "cache"),
            "ONEDNN_MAX_CPU_ISA": onednn,
            "ATEN_CPU_CAPABILITY": aten,
            "MKL_ENABLE_INSTRUCTIONS": _MKL[aten],
        }
        return Start(environment=environment)

    return start


def _no_compiler(scratch: Path) -> Start:
    """Put links to all programs but the compilers where programs are looked for."""
    for folder in reversed(os.get_exec_path()):
        for program in Path(folder).glob("*"):
            if program.name not in COMPILERS:
                link = scratch / program.name
                link.unlink(missing_ok=True)
                link.symlink_to(program)
    return Start(environment={"PATH": str(scratch), CACHE_VARIABLE: str(scratch / "cache")})


def _cron(scratch: Path) -> Start:
    return Start(environment={"PATH": "/usr/bin:/bin", "HOME": str(scratch)}, whole=True)


def _user(scratch: Path) -> Start:
    """Return a start as somebody who may write into no home and to none of this tree's files.

    Somebody else than root: `nobody`, from a copy of the tree.
    """
    home = scratch / "home"
    home.mkdir()
    home.chmod(0o555)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment = {**kept, "HOME": str(home), "USER": "nobody", "LOGNAME": "nobody"}
    if os.geteuid() != 0:
        return Start(environment=environment, whole=True)
    tree = scratch / "tree"
    shutil.copytree(ROOT, tree, ignore=_NOT_COPIED)
    opened = _opened([Path(sys.prefix), Path(sys.base_prefix)], scratch / "kept")
    drop = (
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}"),
        *("--clear-groups", "--inh-caps=-all", "--"),
    )
    script = (
        f'chmod -R u+rwX,go+rX,go-w {shlex.quote(str(tree))}\n{opened}exec {shlex.join(drop)} "$@"'
    )
    before = ("unshare", "--mount", "sh", "-euc", script, "sh")
    return Start(before, environment, whole=True, tree=tree, user=NOBODY)


def _opened(folders: list[Path], kept: Path) -> str:
    """Return a script that lets everybody reach folders that only root can.

    In a mount namespace of its own: an empty folder takes the place of the first one on the way
    that is closed, and the folder that is wanted its place therein.
    """
    hidden = dict.fromkeys(
        (next(one for one in reversed((folder, *folder.parents)) if not _open(one)), folder)
        for folder in dict.fromkeys(folders)
        if not all(map(_open, (folder, *folder.parents)))
    )
    lines = []
    for number, (_, folder) in enumerate(hidden):
        place = shlex.quote(str(kept / str(number)))
        lines.append(f"mkdir -p {place}; mount --bind {shlex.quote(str(folder))} {place}")
    for closed in dict.fromkeys(closed for closed, _ in hidden):
        lines.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(closed))}")
    for number, (_, folder) in enumerate(hidden):
        place, target = shlex.quote(str(kept / str(number))), shlex.quote(str(folder))
        lines.append(f"mkdir -p {target}; mount --bind {place} {target}")
    return "".join(f"{line}\n" for line in lines)


def _open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)


SETTINGS = (
    Setting("here", "this machine as it is", _variables()),
    Setting("user", "an unprivileged user with a read-only HOME", _user),
    Setting("one-core", "one core of the processor", _one_core),
    Setting("six-cores", "six cores", _six_cores),
    Setting(
        "exported",
        "variables that users export, and batch systems",
        _variables(
            COLUMNS="40",
            LINES="10",
            FORCE_COLOR="1",
            TZ="Asia/Kathmandu",
            TUI_BALANCER_CPU_WORKERS="3",
            TUI_BALANCER_PRECISION="bf16",
            http_proxy="http://127.0.0.1:9",
            TORCH_HOME="/dev/null",
            CUDA_VISIBLE_DEVICES="0",
        ),
    ),
    Setting("c-locale", "LANG=C LC_ALL=C", _variables(LANG="C", LC_ALL="C")),
    Setting("cron", "an environment of PATH and HOME alone", _cron),
    Setting("background", "a script's job under nohup: INT, QUIT and HUP ignored", _background),
    Setting("umask-077", "files that nobody else may read", _umask),
    Setting("onednn-avx2", "oneDNN without AVX-512", _variables(ONEDNN_MAX_CPU_ISA="AVX2")),
    Setting(
        "aten-avx2", "torch's own code without AVX-512", _variables(ATEN_CPU_CAPABILITY="avx2")
    ),
    Setting(
        "aten-default", "torch's own code without AVX", _variables(ATEN_CPU_CAPABILITY="default")
    ),
    Setting(
        "avx512",
        "a processor with AVX-512 and no AMX: oneDNN, torch, MKL and our C",
        _processor("cascadelake", "AVX512_CORE", "avx512", "avx512f"),
    ),
    Setting(
        "avx2",
        "a processor with AVX2 and no more: oneDNN, torch, MKL and our C",
        _processor("haswell", "AVX2", "avx2"),
    ),
    Setting("sse", "a processor without AVX, likewise", _processor("x86-64", "SSE41", "default")),
    Setting("no-compiler", "no C compiler", _no_compiler),
    Setting("no-network", "IPv4's loopback alone, no IPv6", _no_network),
    Setting("no-shm", "a /dev/shm that cannot be written", _no_shared_memory),
)
