"""Commands without their optional libraries: one line that names the extra, and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import complete, run_command
from tui_balancer.extras import EXTRAS

Without = Callable[..., subprocess.CompletedProcess[str]]

DASK = ("--model", "untrained:esm2_t6_8M_UR50D", "--devices", "cpu", "--headless")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, little: Path) -> Path:
    """Finished runs, one of Parquet alone and one of the default format."""
    folder = tmp_path_factory.mktemp("runs")
    for name, options in (("columns", ["--format", "parquet"]), ("plain", [])):
        command = [*run_command(little, output=folder / name), "--headless", *options]
        assert complete(command).returncode == 0
    return folder


@pytest.fixture
def without(tmp_path: Path) -> Without:
    """Carry out a command in a process where a library is not installed, nor in its children."""

    def carried_out(library: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        stub = tmp_path / "stub"
        stub.mkdir()
        (stub / f"{library}.py").write_text(
            f'raise ModuleNotFoundError("No module named {library}", name="{library}")\n'
        )
        path = os.pathsep.join([str(stub), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "tui_balancer", *words]
        return complete(command, env={**os.environ, "PYTHONPATH": path})

    return carried_out


def assert_named(result: subprocess.CompletedProcess[str], library: str, extra: str) -> None:
    name = library.replace("_", "-")
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stderr.startswith("tui-balancer: ")
    assert result.stderr.endswith(f" needs {name}: pip install 'tui-balancer[{extra}]'\n")
    assert len(result.stderr.splitlines()) == 1, result.stderr


@pytest.mark.parametrize(
    "words",
    [
        "run {little} -o {new} --format parquet --model untrained:esm2_t6_8M_UR50D",
        "plan {little} --format parquet --model untrained:esm2_t6_8M_UR50D",
        "resume {runs}/columns --headless",
        "export {runs}/plain --format parquet",
        "export {runs}/plain --format parquet --merge",
        "export {runs}/columns --format npz",
        "export {runs}/columns --format npz --merge",
        "inspect {runs}/columns/sample_1_ESM.parquet",
        "verify {runs}/columns",
    ],
)
def test_commands_that_read_or_write_parquet_name_its_extra(
    words: str, little: Path, runs: Path, tmp_path: Path, without: Without
) -> None:
    filled = words.format(little=little, runs=runs, new=tmp_path / "new")
    assert_named(without("pyarrow", *filled.split()), "pyarrow", "parquet")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        ("dask", ("--local", "1")),
        ("dask-jobs", ("--cluster", "slurm")),
        ("dask-ssh", ("--hosts", "localhost")),
    ],
)
def test_clusters_name_their_extras(
    extra: str, options: tuple[str, ...], little: Path, tmp_path: Path, without: Without
) -> None:
    library = EXTRAS[extra][-1]  # type: ignore[index]
    result = without(library, "run", little, "-o", tmp_path / "out", *DASK, *options)
    assert_named(result, library, extra)


@pytest.mark.parametrize("options", [("--local", "1"), ("--scheduler", "tcp://127.0.0.1:9")])
def test_a_run_without_dask_names_its_extra(
    options: tuple[str, ...], runs: Path, without: Without
) -> None:
    result = without("distributed", "resume", runs / "plain", "--headless", *options)
    assert_named(result, "distributed", "dask")
