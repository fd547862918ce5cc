"""The jobs of a batch system as workers: the script, and a run whose `sbatch` starts it here."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import FILES
from tests.support.cluster import session_on, states
from tests.support.sessions import completed, outputs
from tui_balancer.engines.dask.request import ClusterRequest

SBATCH = """#!/bin/sh
# Takes a job as Slurm does, and runs it on this machine.
cp "$1" "$JOBS/script"
setsid bash "$JOBS/script" >"$JOBS/output" 2>&1 &
echo $! >"$JOBS/pid"
echo "Submitted batch job 4242"
"""

SCANCEL = """#!/bin/sh
echo "$1" >"$JOBS/cancelled"
kill -- -"$(cat "$JOBS/pid")"
"""

CONFIG = f"""
jobqueue:
  slurm:
    cores: 2
    processes: 1
    memory: 4GB
    walltime: "00:20:00"
    queue: gpu
    account: proteins
    job-extra-directives: ["--gres=gpu:1"]
    job-script-prologue: ["export {"TUI_BALANCER_NODE"}=node-7"]
    interface: lo
    python: {sys.executable}
"""

SCRIPT = """#!/usr/bin/env bash

#SBATCH -J dask-worker
#SBATCH -e LOGS/dask-worker-%J.err
#SBATCH -o LOGS/dask-worker-%J.out
#SBATCH -p gpu
#SBATCH -A proteins
#SBATCH -n 1
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH -t 00:20:00
#SBATCH --gres=gpu:1
export TUI_BALANCER_NODE=node-7
export TUI_BALANCER_LOG=LOGS/dask-workers.log
export PYTHONSAFEPATH=1
PYTHON -m distributed.cli.dask_worker tls://127.0.0.1:PORT --name SLURMCluster-0 --nthreads 2 \
--memory-limit 3.73GiB --nanny --death-timeout 60 --preload tui_balancer.engines.dask.preload \
--memory-limit 0 --interface lo --protocol tls:// --tls-ca-file FILE --tls-cert FILE --tls-key FILE
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for jobs, and the commands of a batch system that runs one of them."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        command = folder / name
        command.write_text(text)
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


def test_a_slurm_job_is_a_worker_and_is_cancelled_at_the_end(
    jobs: Path, proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    (jobs / "cluster.yaml").write_text(CONFIG)
    out = tmp_path / "out"
    request = ClusterRequest(jobs="slurm", config=jobs / "cluster.yaml")
    run = session_on(request, proteins, checkpoint, out)
    assert set(states(run)) == {"node-7/cpu:0"}
    assert completed(run).done == FILES
    assert outputs(out) == quiet
    assert (jobs / "cancelled").read_text().strip() == "4242"

    script = (jobs / "script").read_text().replace(str(out / "logs"), "LOGS")
    script = script.replace(sys.executable, "PYTHON")
    script = re.sub(r"(127\.0\.0\.1):\d+", r"\1:PORT", script)
    script = re.sub(r"(--tls-\S+) \S+", r"\1 FILE", script)
    assert script == SCRIPT
