"""A real run that tells others: notifications by a command, metrics over HTTP."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.support.commands import run_command, tui_balancer_here
from tui_balancer.inputs.synthetic import write_synthetic

DEADLINE_SECONDS = 200.0


@pytest.mark.usefixtures("preloaded")
def test_failures_and_the_end_are_notified_and_numbers_are_served_to_this_machine(
    tmp_path: Path,
) -> None:
    inputs, folder, got = tmp_path / "proteins", tmp_path / "out", tmp_path / "got"
    write_synthetic(inputs, files=3, sequences=9000, seed=2)
    (inputs / "empty.faa").write_text("")
    notify = f"cat >> {got}; echo >> {got}"
    process = subprocess.Popen(
        [*run_command(inputs, output=folder), "--metrics", "0", "--notify", notify],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout)
        address = next(line.split()[1] for line in lines if line.startswith("metrics  "))
        assert any("failed   empty.faa" in line for line in lines)
        # Nobody reads on, and a pipe that is full would hold the run.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        with urllib.request.urlopen(address, timeout=DEADLINE_SECONDS) as answer:
            served = answer.read().decode().splitlines()
        assert 'tui_balancer_files{state="failed"} 1.0' in served
        sockets = psutil.Process(process.pid).net_connections(kind="inet")
        listening = {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        pause = threading.Event()
        while not got.exists() or not got.read_text().endswith("\n"):
            pause.wait(0.05)
        stopped = tui_balancer_here("control", folder, "stop", "--now")
        assert stopped.returncode == 0
        assert process.wait(DEADLINE_SECONDS) == 130
    finally:
        process.kill()
        process.wait()
    failed, ended = map(json.loads, got.read_text().splitlines())
    assert failed["text"] == "failed: empty.faa: the file is empty"
    assert [one["kind"] for one in ended["alerts"]] == ["ended"]
    assert ended["exit_code"] == 130
