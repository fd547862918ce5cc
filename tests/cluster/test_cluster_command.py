"""The command line with a cluster: one to try out, and what it says of what cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import FILES
from tests.support.commands import COMMAND_SECONDS
from tests.support.sessions import outputs

REPOSITORY = Path(__file__).parents[2]


def tui_balancer(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tui_balancer", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        **options,
    )


def test_a_cluster_to_try_out_makes_the_bytes_of_one_machine(
    proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = tui_balancer(
        *("run", proteins, "-o", out, "--model", checkpoint, "--batch-tokens", 256),
        *("--devices", "cpu", "--cpu-threads", 1, "--engine", "dask", "--local", 1, "--headless"),
    )
    assert ran.returncode == 0, ran.stderr
    assert f"{FILES} of {FILES} files done" in ran.stdout
    assert "/cpu:0 " in ran.stdout
    assert not ran.stderr
    assert outputs(out) == quiet
    assert "tls://127.0.0.1" in (out / "logs" / "app.log").read_text()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--engine", "dask"), "--engine dask needs one of --scheduler, --local"),
        (("--engine", "local", "--hosts", "a,b"), "--hosts needs --engine dask"),
        (("--local", "2", "--hosts", "a"), "--local and --hosts name two clusters"),
        (("--workers", "2", "--local", "2"), "--workers needs --cluster"),
        (("--local", "0"), "--local must be a whole number from 1 to 1,024, not 0"),
        (("--local", "1", "--adapt", "3:1"), "--adapt '3:1': give the minimum and maximum"),
        (("--local", "1", "--tls-key", "k"), "--tls-ca-file, --tls-cert and --tls-key belong"),
    ],
)
def test_options_that_contradict_each_other_are_told_in_a_line(
    options: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui_balancer.cli.app import main

    arguments = ["tui-balancer", "run", "nothing", "-o", "nowhere", *options]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert line in told[0]
