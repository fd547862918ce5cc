"""The package as it is installed: all files are in it, and it works from a read-only folder."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import complete

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tui_balancer"

NEEDED = (
    "tui_balancer/embedding/forward/attention.c",
    "tui_balancer/embedding/forward/vectors.h",
    "tui_balancer/inputs/blocks.c",
    "tui_balancer/py.typed",
    "tui_balancer/history/page/report.css",
    "tui_balancer/history/page/report.html.jinja",
    "tui_balancer/history/page/report.js",
    "tui_balancer/ui/app.tcss",
)


def build(source: Path, target: str, folder: Path) -> Path:
    """Build a wheel or an sdist, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    assert complete(command, cwd=source).returncode == 0
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    shutil.unpack_archive(build(ROOT, "sdist", folder / "archive"), folder / "sources")
    (source,) = (folder / "sources").iterdir()
    return source


def files_of(wheel: Path) -> set[str]:
    """Return the files of the package in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith("tui_balancer/")}


def files_in(root: Path) -> set[str]:
    """Return the files of the package in a folder of sources."""
    return {
        str(path.relative_to(root))
        for path in (root / "tui_balancer").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    files = files_of(wheel)
    assert files >= {*NEEDED}
    assert files == files_in(ROOT)


def test_a_wheel_of_the_source_archive_is_the_same(
    wheel: Path, unpacked: Path, tmp_path: Path
) -> None:
    assert files_in(unpacked) == files_in(ROOT)
    assert files_of(build(unpacked, "wheel", tmp_path)) == files_of(wheel)


def test_it_works_from_a_folder_that_nothing_is_written_into(
    wheel: Path, little: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def carried_out(*words: str | Path) -> None:
        done = complete(
            [sys.executable, "-m", "tui_balancer", *words],
            # Root may write in spite of the modes: then Python would keep what it compiles.
            env={**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    carried_out("run", little, "-o", "out", "--headless", "--model", "untrained:esm2_t6_8M_UR50D")
    carried_out("report", "out")
    assert "</html>" in (tmp_path / "out" / "report.html").read_text()
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before
