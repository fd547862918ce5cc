"""Which workers of a cluster the engine gives slots; Dask is played by a client of the test's."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.work_board import ListBoard
from tests.unit.engines.remote.test_nodes import CARDS, nodes, report
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.engines.dask import engine
from tui_balancer.engines.dask.cluster import DaskCluster
from tui_balancer.engines.dask.node_check import Look, sweep_tokens
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.engines.remote.messages import Joined, Said, Unfit, Word
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import DeviceFacts, WorkerId

DEADLINE_SECONDS = 60.0


class Scheduler:
    """A client of a scheduler that takes everything and does nothing."""

    status = "running"
    id = "app"

    def __init__(self) -> None:
        self.scheduler = SimpleNamespace(address="tcp://head:8786")
        self.asked: Queue[object] = Queue()
        self.loop = SimpleNamespace(add_callback=self.asked.put)
        self.topics: dict[str, Callable[[tuple[float, Any]], None]] = {}
        self.registered: Queue[str] = Queue()
        # What it is asked for in its event loop never comes to pass.
        self._run = self._cancel = None

    def subscribe_topic(self, name: str, hear: Callable[[tuple[float, Any]], None]) -> None:
        self.topics[name] = hear

    def register_plugin(self, plugin: object, name: str) -> None:
        self.registered.put(name)

    def close(self, timeout: float) -> None:
        self.status = "closed"


class Company:
    """Takes in every device, and writes down who comes, who goes and what people are told."""

    def __init__(self) -> None:
        self.admitted: Queue[str] = Queue()
        self.gone: Queue[tuple[str, str]] = Queue()
        self.told: Queue[str] = Queue()
        self.drained: set[str] = set()
        self.wanted: tuple[str, ...] = ()

    def admit(self, device: SelectedDevice) -> bool:
        self.admitted.put(device.device)
        return device.device not in self.drained

    def absent(self) -> tuple[str, ...]:
        wanted, self.wanted = self.wanted, ()
        return wanted

    def is_drained(self, device: str) -> bool:
        return device in self.drained

    def lost(self, device: str, reason: str, *, idle_only: bool = False) -> bool:
        self.gone.put((device, reason))
        return True

    def waiting(self) -> int:
        return 0

    def warn(self, line: str) -> None:
        self.told.put(line)


class Cluster:
    """An engine on a cluster whose workers say what the test says."""

    def __init__(self, folder: Path) -> None:
        self.client = Scheduler()
        self.membership = Company()
        self.board = ListBoard()
        self._folder = folder
        self._incarnations: dict[str, int] = {}
        self.engine = engine.DaskEngine(
            DaskCluster(self.client, ClusterRequest(scheduler="tcp://head:8786")),
            nodes("cuda"),
            Look(folder / "token", "", (), processor_only=False),
            self.board,
            self._setup,
            lambda worker, end: worker.device not in self.membership.drained,
            self.membership,
        )
        self.engine.start()
        self._topic = self.client.registered.get(timeout=DEADLINE_SECONDS)
        self._topic = self.client.registered.get(timeout=DEADLINE_SECONDS)

    def say(self, word: Word) -> None:
        self.client.topics[self._topic]((0.0, pickle.dumps((word,))))

    def leave(self, address: str) -> None:
        news = {"action": "remove-worker", "worker": address, "expected": False}
        self.client.topics["all"]((0.0, news))

    def _setup(self, device: str) -> WorkerSetup:
        self._incarnations[device] = self._incarnations.get(device, 0) + 1
        worker = WorkerId(device, self._incarnations[device])
        model = UntrainedModel("esm2_t6_8M_UR50D", 0).source()
        rules, settings = ReadingRules(), EmbeddingSettings()
        return WorkerSetup(worker, 1, model, settings, rules, self._folder / "log", None)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(engine, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(engine, "REJOIN_SECONDS", 0.0)
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.engine.stop()


def test_a_worker_that_found_no_card_left_gets_that_of_one_that_stays_away(
    cluster: Cluster,
) -> None:
    first, second = (report(name, devices=CARDS[:1]) for name in ("0", "1"))
    cluster.say(Joined(first))
    assert cluster.membership.admitted.get(timeout=DEADLINE_SECONDS) == "node-1/cuda:0"
    cluster.client.asked.get(timeout=DEADLINE_SECONDS)
    cluster.say(Joined(second))
    told = cluster.membership.told.get(timeout=DEADLINE_SECONDS)
    assert told == "the node node-1 (worker 1) has no free cuda device"
    cluster.leave(first.address)
    lost = cluster.membership.gone.get(timeout=DEADLINE_SECONDS)
    assert lost == ("node-1/cuda:0", "its worker did not return")
    assert cluster.membership.admitted.get(timeout=DEADLINE_SECONDS) == "node-1/cuda:0"
    # A slot is asked to open once it is the engine's.
    cluster.client.asked.get(timeout=DEADLINE_SECONDS)
    assert cluster.engine.pids() == {"node-1/cuda:0": second.pid}


def test_a_slot_whose_model_will_never_do_is_left_out_and_told_by_its_name(
    cluster: Cluster,
) -> None:
    cluster.say(Joined(report("0", devices=CARDS[:1])))
    assert cluster.membership.admitted.get(timeout=DEADLINE_SECONDS) == "node-1/cuda:0"
    cluster.say(Unfit(WorkerId("node-1/cuda:0", 1), "m.pt is another", lasting=True))
    told = cluster.membership.told.get(timeout=DEADLINE_SECONDS)
    assert told == "node-1/cuda:0 is left out: m.pt is another"
    gone = cluster.membership.gone.get(timeout=DEADLINE_SECONDS)
    assert gone == ("node-1/cuda:0", "m.pt is another")


def test_a_drained_device_gets_a_new_process_and_a_slot_only_when_it_is_started(
    cluster: Cluster,
) -> None:
    first, again = report("0", devices=CARDS[:1]), report("0", devices=CARDS[:1])
    again = replace(again, address="tcp://again", pid=first.pid + 1)
    device, membership = "node-1/cuda:0", cluster.membership
    cluster.say(Joined(first))
    assert membership.admitted.get(timeout=DEADLINE_SECONDS) == device
    # A slot is asked to open once it is the engine's.
    cluster.client.asked.get(timeout=DEADLINE_SECONDS)
    membership.drained.add(device)
    cluster.board.end()
    facts = DeviceFacts("card", None, 1.0, "", 1)
    cluster.say(Said(WorkerId(device, 1), "hello", (facts,)))
    restarted = cluster.client.asked.get(timeout=DEADLINE_SECONDS)
    assert restarted.__qualname__ == "ClusterLink.restart.<locals>.restart"  # type: ignore[attr-defined]
    assert cluster.engine.pids() == {}

    cluster.leave(first.address)
    cluster.say(Joined(again))
    assert membership.admitted.get(timeout=DEADLINE_SECONDS) == device
    membership.drained.clear()
    membership.wanted = (device,)
    assert membership.admitted.get(timeout=DEADLINE_SECONDS) == device
    cluster.client.asked.get(timeout=DEADLINE_SECONDS)
    assert cluster.engine.pids() == {device: again.pid}


def test_a_device_that_is_started_without_a_process_for_it_is_given_up(cluster: Cluster) -> None:
    cluster.membership.wanted = ("node-1/cuda:0",)
    gone = cluster.membership.gone.get(timeout=DEADLINE_SECONDS)
    assert gone == ("node-1/cuda:0", "its worker did not return")


def test_the_tokens_of_killed_apps_are_swept_and_one_s_own_is_kept(tmp_path: Path) -> None:
    mine, left, other = (
        tmp_path / name for name in (".01234567.cluster", ".89abcdef.cluster", "notes.cluster")
    )
    for file in (mine, left, other):
        file.touch()
    sweep_tokens(mine)
    assert sorted(tmp_path.iterdir()) == [mine, other]
