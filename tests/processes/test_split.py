"""One file on two devices: the same bytes, also when either of them is killed in its part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import all_end, complete, workers_of
from tests.support.sessions import finished, held, outputs, session
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.run.live.session import RunSession
from tui_balancer.scheduler.events import DoneEvent, PartEvent, ReturnEvent, SplitEvent
from tui_balancer.scheduler.model import DeviceMetrics

pytestmark = pytest.mark.usefixtures("preloaded")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_small.pt", 6, 320, 8)


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=1, sequences=90, seed=3)
    return folder


def ended(run: RunSession) -> None:
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (1, (), 0)


def splits_of(run: RunSession) -> list[SplitEvent]:
    return [one for one in run.events_after(0) if isinstance(one, SplitEvent)]


def in_its_part(run: RunSession, who: str) -> Callable[[DeviceMetrics], bool]:
    """Return what holds a device at its second batch since it is the source or the target."""
    reports: Counter[str] = Counter()

    def looks(row: DeviceMetrics) -> bool:
        is_one = row.device in {getattr(one, who) for one in splits_of(run)}
        reports[row.device] += is_one and row.running is not None
        return reports[row.device] == 2

    return looks


@pytest.fixture(scope="module")
def undivided(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("undivided")
    run = session(proteins, checkpoint, output, batch_tokens=512, stealing=False)
    run.start()
    ended(run)
    assert splits_of(run) == []
    return outputs(output)


def test_two_workers_on_one_file_write_the_bytes_of_one(
    proteins: Path, checkpoint: Path, tmp_path: Path, undivided: dict[str, bytes]
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out", batch_tokens=512)
    run.start()
    ended(run)
    split = splits_of(run)[0]
    assert {split.source, split.target} == {"cpu:0", "cpu:1"}
    assert 0 < split.batches < split.of
    events = run.events_after(0)
    assert any(isinstance(event, PartEvent) for event in events)
    assert sum(isinstance(event, DoneEvent) for event in events) == 1
    assert outputs(tmp_path / "out") == undivided
    summary = run.summary()
    assert summary is not None
    assert summary.splits >= 1
    assert sum(device.sequences for device in summary.devices) == summary.sequences
    assert min(device.sequences for device in summary.devices) > 0


@pytest.mark.parametrize("killed", ["source", "target"])
def test_a_worker_killed_in_its_part_leaves_the_rest_to_the_other(
    proteins: Path, checkpoint: Path, tmp_path: Path, undivided: dict[str, bytes], killed: str
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out", batch_tokens=512)
    run.start()
    with held(run, in_its_part(run, killed)) as row:
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    ended(run)
    assert any(isinstance(event, ReturnEvent) for event in run.events_after(0))
    assert outputs(tmp_path / "out") == undivided


def test_a_sigterm_to_the_whole_group_stops_both_in_order_and_blames_no_file(
    proteins: Path, checkpoint: Path, tmp_path: Path, undivided: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    command = (
        *(sys.executable, "-m", "tui_balancer", "run", proteins, "-o", out, "--headless"),
        *("--model", checkpoint, "--batch-tokens", "512"),
        *("--devices", "cpu", "--cpu-workers", "2", "--cpu-threads", "1"),
    )
    app = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert app.stdout is not None
    assert any("  split " in line for line in app.stdout)
    workers = workers_of(app.pid)
    assert len(workers) == 2
    for worker in workers:
        # Neither comes to the end of the file before the signal.
        worker.suspend()
    os.killpg(app.pid, signal.SIGTERM)
    assert any("again stops at once" in line for line in app.stdout)
    for worker in workers:
        worker.resume()
    told, _ = app.communicate()
    assert app.returncode == 130
    assert "1 file still waiting" in told
    assert all_end(workers)
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        assert [(one.state, one.deaths) for one in ledger.files()] == [(FileState.WAITING, 0)]
    assert complete(command).returncode == 0
    assert outputs(out) == undivided
