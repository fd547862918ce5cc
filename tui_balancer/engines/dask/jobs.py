"""Clusters whose workers are jobs of a batch system, or start over ssh."""

from __future__ import annotations

import importlib
import os
import shlex
from pathlib import Path
from typing import Any

import dask.config

from tui_balancer.engines.dask.preload import LOG_VARIABLE, PRELOAD
from tui_balancer.engines.dask.request import JOB_KINDS, ClusterRequest
from tui_balancer.errors import UserError, one_line

WORKER_ARGUMENTS = ("--preload", PRELOAD, "--memory-limit", "0")
"""Arguments of `dask worker` in every job: the batch system limits the memory."""

_NO_CURRENT_FOLDER = "export PYTHONSAFEPATH=1"
"""A job starts in the folder of its submission, and `python -m` would import modules from there."""


def job_cluster(request: ClusterRequest, security: Any, logs: Path) -> Any:
    """Start a scheduler here, and submit jobs of a batch system as its workers.

    `--config` or dask-jobqueue's own configuration describes a job (cores, memory, queue,
    walltime, GPUs).

    Args:
        security: Certificates, or True to make new ones for this cluster.
        logs: Folder for the output of the jobs, on the shared file system.

    Raises:
        UserError: The batch system is unknown, or a setting is missing.
    """
    name = (request.jobs or "").lower()
    if name not in JOB_KINDS:
        raise UserError(
            f"--cluster {name}: unknown batch system; choose one of {', '.join(JOB_KINDS)}"
        )
    jobqueue = importlib.import_module("dask_jobqueue")
    job = _job(request.config, name) if request.config is not None else {}
    known = dask.config.get(f"jobqueue.{name}", {})

    def lines(key: str) -> list[str]:
        return [*(job.pop(key, None) or known.get(key.replace("_", "-")) or ())]

    log = f"export {LOG_VARIABLE}={shlex.quote(str(logs / 'dask-workers.log'))}"
    try:
        cluster = getattr(jobqueue, JOB_KINDS[name])(
            security=security,
            shared_temp_directory=str(logs),
            scheduler_options={
                "dashboard_address": "127.0.0.1:0",
                **(job.pop("scheduler_options", known.get("scheduler-options")) or {}),
            },
            log_directory=job.pop("log_directory", known.get("log-directory")) or str(logs),
            worker_extra_args=[*lines("worker_extra_args"), *WORKER_ARGUMENTS],
            job_script_prologue=[*lines("job_script_prologue"), log, _NO_CURRENT_FOLDER],
            **job,
        )
    except (ValueError, TypeError, OSError) as problem:
        raise UserError(
            f"--cluster {name}: {one_line(problem)}; describe a job in a file and "
            "pass it with --config"
        ) from problem
    cluster.scale(request.workers or request.expected)
    return cluster


def ssh_cluster(request: ClusterRequest, security: Any, logs: Path) -> Any:
    """Start a scheduler on the first host and a worker on each, over ssh.

    Args:
        request: The request; a host that is named twice gets two workers.
        security: Certificates, also named in Dask's configuration, which is sent to the hosts.
        logs: Folder for their output.
    """
    from distributed import SSHCluster

    cluster = SSHCluster(
        [request.hosts[0], *request.hosts],
        scheduler_options={"protocol": "tls://", "dashboard_address": "127.0.0.1:0"},
        worker_options={
            "nthreads": 2,
            "memory_limit": 0,
            "preload": [PRELOAD],
        },
        security=security,
    )
    # Unread output would block its writer.
    with (logs / "dask-workers.log").open("ab") as log:
        for started in (cluster.scheduler, *cluster.workers.values()):
            out, err = os.dup(log.fileno()), os.dup(log.fileno())
            cluster.sync(started.proc.redirect, stdout=out, stderr=err)
    return cluster


def _job(path: Path, name: str) -> dict[str, Any]:
    """Read the description of a job from a file in dask-jobqueue's format.

    Raises:
        UserError: It does not exist, or has no section for this batch system.
    """
    if not path.is_file():
        raise UserError(f"--config {path} does not exist")
    try:
        (read,) = dask.config.collect_yaml([str(path)])
        job = read["jobqueue"][name]
        return {key.replace("-", "_"): value for key, value in job.items()}
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"--config {path} has no section jobqueue: {name}:") from None
    except (ValueError, OSError) as problem:
        raise UserError(f"--config {path} is invalid: {one_line(problem)}") from problem
