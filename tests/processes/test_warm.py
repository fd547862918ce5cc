"""Processes that wait with torch imported, and what is left of them when nobody needs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from tests.support.preloaded import preloaded_workers
from tests.support.work_board import DEADLINE_SECONDS
from tui_balancer.workers.process import warm
from tui_balancer.workers.process.warm import WarmPool, WarmProcess


def describes_itself(channel: Connection) -> None:
    channel.send((os.getpid(), os.environ["OMP_NUM_THREADS"], "torch" in sys.modules))


def prints_early(channel: Connection) -> None:
    print("early", flush=True)


def ends_abruptly(channel: Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def forked() -> Iterator[None]:
    """Spare the processes the import of torch."""
    with preloaded_workers():
        yield


def answer(process: WarmProcess) -> tuple[int, str, bool]:
    process.call(describes_itself)
    told: tuple[int, str, bool] = process.channel.recv()
    return told


def test_a_process_that_waits_has_imported_torch_and_serves_one_user_after_the_other() -> None:
    with WarmPool() as pool:
        pool.warm(1, threads=3)
        first = pool.take()
        told = answer(first)
        assert told == (first.process.pid, "3", True)
        pool.give_back(first)

        second = pool.take(threads=3)
        assert answer(second) == told
        second.kill()


@pytest.mark.usefixtures("forked")
def test_a_process_for_another_number_of_threads_or_another_card_is_left_alone() -> None:
    with WarmPool() as pool:
        pool.warm(2, threads=1)
        other, slice_of_card = pool.take(threads=2), pool.take(threads=1, visible="MIG-s")
        waiting = [pool.take(threads=1), pool.take(threads=1)]
        started = [one.process.pid for one in waiting]
        assert other.process.pid not in started
        assert slice_of_card.process.pid not in started
        for one in (other, slice_of_card, *waiting):
            one.kill()


@pytest.mark.usefixtures("forked")
def test_a_process_ends_when_its_last_call_returns() -> None:
    process = WarmProcess(threads=1)
    process.call_last(print, "unread", log=Path(os.devnull))
    process.process.join()

    assert process.process.exitcode == 0


@pytest.mark.usefixtures("forked")
def test_what_a_process_prints_before_it_has_a_log_is_put_there_too(tmp_path: Path) -> None:
    process = WarmProcess(threads=1)
    process.call(prints_early)
    log = tmp_path / "worker.log"
    log.write_text("of another\n")
    process.call_last(print, "late", log=log)
    process.process.join()

    before, early, late = log.read_text().splitlines()
    assert before == "of another"
    assert (early, late.split()[0]) == ("early", "late")


@pytest.mark.usefixtures("forked")
def test_who_calls_a_process_that_has_ended_hears_of_it_by_its_end() -> None:
    process = WarmProcess(threads=1)
    process.call(ends_abruptly)
    process.process.join()
    process.call_last(describes_itself, log=Path(os.devnull))

    assert process.process.exitcode == -signal.SIGKILL


@pytest.mark.usefixtures("forked")
def test_no_process_is_left_when_the_pool_ends_or_is_cleared() -> None:
    before = set(psutil.Process().children())
    with WarmPool() as pool:
        pool.warm(2, threads=1)
        pool.clear()
        assert set(psutil.Process().children()) <= before
        pool.warm(1, threads=1)
        taken = pool.take()
    pool.give_back(taken)
    pool.warm(1, threads=1)

    assert set(psutil.Process().children()) <= before


def test_a_system_that_refuses_processes_has_none_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(warm, "spawn", refused)
    with WarmPool() as pool:
        pool.warm(2, threads=1)
        with pytest.raises(BlockingIOError):
            pool.take()


def test_what_torch_reads_once_is_set_before_it_is_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch = tmp_path / "torch"
    torch.mkdir()
    seen = tmp_path / "seen.json"
    (torch / "__init__.py").write_text(
        "import json, os, pathlib\n"
        f"pathlib.Path({str(seen)!r}).write_text(json.dumps(dict(os.environ)))\n"
        "raise ImportError\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    process = WarmProcess(threads=5, visible="MIG-s")
    process.call_last(print, log=Path(os.devnull))
    process.process.join()

    environment = json.loads(seen.read_text())
    assert environment["CUDA_VISIBLE_DEVICES"] == "MIG-s"
    assert (environment["OMP_NUM_THREADS"], environment["MKL_NUM_THREADS"]) == ("5", "5")


_APP = """
import sys

from tui_balancer.workers.process.warm import WarmPool

if __name__ == "__main__":
    with WarmPool() as pool:
        pool.warm(2, threads=1)
        print(*(pool.take().process.pid for _ in range(2)), flush=True)
        sys.stdin.read()
"""


def test_no_process_outlives_an_app_that_is_killed_while_they_start(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(_APP)
    app = subprocess.Popen(
        [sys.executable, str(tmp_path / "app.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert app.stdout is not None
    processes = [psutil.Process(int(pid)) for pid in app.stdout.readline().split()]
    app.kill()
    app.wait()

    assert len(processes) == 2
    _, alive = psutil.wait_procs(processes, timeout=DEADLINE_SECONDS)
    for process in alive:
        process.kill()
    assert alive == []
