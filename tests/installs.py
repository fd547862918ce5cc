"""Installs the program in every way that people do, and starts each: `python -m tests.installs`.

Each way has an environment of its own, with all requirements; it is made read-only before the demo
starts in another folder. Names of ways as arguments choose some. uv and pipx are taken from beside
this interpreter or from the path (`pip install uv pipx`). Of torch, the release of the tests is
taken where pip finds it: point pip at a build for the CPU, or several gigabytes are downloaded.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEMO = ("demo", "--headless", "--devices", "cpu", "--size", "0.001")

_DROP = 24
_OVERRIDES = (1, 2)
"""prctl's number for giving a capability up for good, and what lets root write everywhere."""


class Failed(Exception):
    """A step has failed; the text is what it printed last."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one way installs to.

    Attributes:
        folder: Its own, empty at first.
        environment: Of all commands: the build of torch to take, among others.
    """

    folder: Path
    environment: Mapping[str, str]

    def run(self, *command: str | Path, unprivileged: bool = False) -> str:
        """Run a command in the place's own folder, and return what it printed.

        Raises:
            Failed: It ended with another exit code than 0.
        """
        done = subprocess.run(
            [*map(str, command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_give_up_overrides if unprivileged else None,
        )
        if done.returncode:
            raise Failed(f"{command[0]} ended with {done.returncode}\n{done.stdout[-2000:]}")
        return done.stdout

    def venv(self, *requirements: str | Path) -> list[str]:
        """Install into a new environment by pip, and return the program's command."""
        python = self.folder / "venv" / "bin" / "python"
        self.run(sys.executable, "-m", "venv", python.parents[1])
        self.run(python, "-m", "pip", "install", "-q", *requirements)
        return [str(python.with_name("tui-balancer"))]


def by_pip(place: Place) -> list[str]:
    """`pip install .`"""
    return place.venv(ROOT)


def by_wheel(place: Place) -> list[str]:
    """A wheel that pip builds."""
    place.run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "dist", ROOT)
    return place.venv(*(place.folder / "dist").glob("*.whl"))


def by_sdist(place: Place) -> list[str]:
    """A source archive that uv builds."""
    place.run(_tool("uv"), "build", "-q", "--sdist", "--out-dir", "dist", ROOT)
    return place.venv(*(place.folder / "dist").glob("*.tar.gz"))


def by_uv(place: Place) -> list[str]:
    """`uv tool install .`"""
    place.run(_tool("uv"), "tool", "install", "-q", "--python", sys.executable, ROOT)
    return [place.environment["UV_TOOL_BIN_DIR"] + "/tui-balancer"]


def by_pipx(place: Place) -> list[str]:
    """`pipx run --spec .`"""
    command = [_tool("pipx"), "run", "--python", sys.executable, "--spec", str(ROOT)]
    place.run(*command, "tui-balancer", "--version")
    return [*command, "tui-balancer"]


WAYS: Mapping[str, Callable[[Place], list[str]]] = {
    "pip": by_pip,
    "wheel": by_wheel,
    "sdist": by_sdist,
    "uv": by_uv,
    "pipx": by_pipx,
}


def main(names: Sequence[str]) -> int:
    """Try the ways, print a table, and return the exit code."""
    failures = []
    with tempfile.TemporaryDirectory(prefix="installs-") as folder:
        torch, wheels = _found_torch(Path(folder))
        print(f"Python {sys.version.split()[0]}, {torch}", flush=True)
        print(f"{'way':<8}{'installed':>10}{'demo':>8}  result", flush=True)
        for name in names or WAYS:
            place = _place(Path(folder) / name, torch, wheels)
            began = time.monotonic()
            try:
                command = WAYS[name](place)
                installed = time.monotonic()
                result = _demo(place, command)
                ended = time.monotonic()
                print(
                    f"{name:<8}{installed - began:>8.0f} s{ended - installed:>6.0f} s  {result}",
                    flush=True,
                )
            except Failed as problem:
                print(f"{name:<8}{'failed':>18}", flush=True)
                failures.append(f"{name}: {problem}")
            shutil.rmtree(place.folder)
    print(*failures, sep="\n", end="\n" if failures else "")
    return 1 if failures else 0


def _demo(place: Place, command: Sequence[str]) -> str:
    """Run the demo from a read-only environment, in a folder elsewhere, and return its result.

    Raises:
        Failed: It did not end well, or the environment could be written.
    """
    (package,) = place.folder.glob("**/site-packages/tui_balancer")
    with _read_only(package.parent):
        probe = f"open({str(package / 'probe')!r}, 'w')"
        try:
            place.run(sys.executable, "-c", probe, unprivileged=True)
        except Failed as refused:
            if "PermissionError" not in str(refused):
                raise
        else:
            raise Failed("site-packages can be written")
        told = place.run(*command, *DEMO, unprivileged=True)
    found = re.search(r"^40 of 40 files done.*", told, re.MULTILINE)
    if found is None:
        raise Failed(told[-2000:])
    return found[0]


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Let nobody write into a folder, nor into any below it."""
    folders = [folder, *(one for one in folder.rglob("*") if one.is_dir())]
    for one in folders:
        one.chmod(0o555)
    try:
        yield
    finally:
        for one in folders:
            one.chmod(0o755)


def _give_up_overrides() -> None:
    """Let permissions bind this process and all that it starts, root too."""
    if os.geteuid() == 0:
        for capability in _OVERRIDES:
            ctypes.CDLL(None).prctl(_DROP, capability, 0, 0, 0)


def _found_torch(folder: Path) -> tuple[str, Path]:
    """Return the tests' build of torch as a requirement, and the folder with its wheel."""
    pinned = re.search(r'"(torch==[^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None, "the tests pin torch"
    wheels = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels)]
    subprocess.run([*command, pinned[1]], check=True)
    (wheel,) = wheels.iterdir()
    return f"torch=={wheel.name.split('-')[1].replace('%2B', '+')}", wheels


def _place(folder: Path, torch: str, wheels: Path) -> Place:
    """Make the folder of a way; its home, caches and tools lie in there."""
    folder.mkdir()
    (folder / "torch.txt").write_text(f"{torch}\n")
    certificates = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.cert"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    own = {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        # pipx installs by uv where there is one.
        **dict.fromkeys(("PIP_FIND_LINKS", "UV_FIND_LINKS"), str(wheels)),
        **dict.fromkeys(("PIP_CONSTRAINT", "UV_CONSTRAINT"), str(folder / "torch.txt")),
        "PIP_CACHE_DIR": str(folder.parent / "pip-cache"),
        "UV_CACHE_DIR": str(folder.parent / "uv-cache"),
        "UV_TOOL_DIR": str(folder / "tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
        "PIPX_HOME": str(folder / "pipx"),
    }
    for name in ("HOME", "TMPDIR"):
        Path(own[name]).mkdir()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(("TUI_BALANCER_", "XDG_"))
    }
    trusted = {"SSL_CERT_FILE": certificates} if certificates else {}
    return Place(folder, trusted | inherited | own)


def _tool(name: str) -> str:
    """Return the path of a tool.

    Raises:
        Failed: It is not installed.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Failed(f"{name} is not installed: pip install {name}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
