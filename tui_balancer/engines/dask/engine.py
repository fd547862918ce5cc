"""Workers on a Dask cluster: observed through its events, with leases as its tasks."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass
from functools import partial

from tui_balancer.engines.dask.cluster import DaskCluster
from tui_balancer.engines.dask.link import ClusterLink, Gone
from tui_balancer.engines.dask.node_check import Look, sweep_tokens
from tui_balancer.engines.dask.scaling import follow_queues
from tui_balancer.engines.dask.slot import AppSlot
from tui_balancer.engines.engine import OnExit, SetupFor
from tui_balancer.engines.remote.membership import Membership
from tui_balancer.engines.remote.messages import Joined, Leaving, Said, Unfit, Word
from tui_balancer.engines.remote.nodes import Nodes
from tui_balancer.engines.worker_end import SETTLING_SECONDS, Cause, WorkerEnd
from tui_balancer.workers.wire.protocol import DeviceFacts, WorkerApi, WorkerId

REJOIN_SECONDS = 30.0
"""Seconds a worker may be away, for example restarted by its Nanny, before its queue is free."""

FIRST_SECONDS = 300.0
"""Seconds a checked worker may take to register: it imports torch."""

_LOOK_SECONDS = 0.5

_CLOSING_SECONDS = 5.0
"""Seconds for each step of releasing the cluster."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A slot cannot continue, has left after the run's end, or is silent and must be killed."""

    slot: AppSlot
    end: WorkerEnd


_Happening = Joined | Unfit | Leaving | Gone | _Ended

_DEPARTED = WorkerEnd(Cause.DEPARTED, "left the cluster")
_LOST = WorkerEnd(Cause.LOST, "its process was lost")


class DaskEngine:
    """Gives every suitable worker of a cluster a slot, and reports their ends.

    One thread handles events; each slot has its own threads for messages and leases. The
    coordinator handles a dead worker like one on this machine. Dask, or the user, starts another,
    which then registers itself: as a device that returns, or a new one.

    Args:
        cluster: The cluster; closed with the engine.
        nodes: Maps workers to devices.
        look: The check, also for workers that join later.
        board: The app's side of every slot.
        setup_for: See `SetupFor`.
        on_exit: See `OnExit`.
        membership: Tracks the devices.

    Attributes:
        broken: See `Engine.broken`.
    """

    def __init__(
        self,
        cluster: DaskCluster,
        nodes: Nodes,
        look: Look,
        board: WorkerApi,
        setup_for: SetupFor,
        on_exit: OnExit,
        membership: Membership,
    ) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._board = board
        self._setup_for = setup_for
        self._on_exit = on_exit
        self._membership = membership
        self._slots: dict[WorkerId, AppSlot] = {}
        self._missing: dict[str, float] = {}
        self._settling: dict[WorkerId, tuple[float, AppSlot, WorkerEnd]] = {}
        self._spare: dict[str, Joined] = {}
        self._resting: dict[str, Joined] = {}
        self.broken = ""
        self._happenings: queue.SimpleQueue[_Happening | None] = queue.SimpleQueue()
        self._link = ClusterLink(self._cluster.client, look, self._hear, self._happenings.put)
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._stop_lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="dask-engine", daemon=True)

    def start(self) -> None:
        """Make every worker of the cluster, and each that joins later, register itself."""
        if self._cluster.token is not None:
            sweep_tokens(self._cluster.token)
        self._thread.start()

    def stop(self) -> None:
        """Close every slot and release the cluster; a cluster that the run started ends."""
        self._stopping.set()
        self._happenings.put(None)
        with self._stop_lock:
            if self._stopped.is_set():
                return
            if self._thread.ident is not None:
                self._thread.join()
            for slot in tuple(self._slots.values()):
                slot.close()
            self._slots.clear()
            self._link.close(_CLOSING_SECONDS)
            self._cluster.close()
            self._stopped.set()

    def start_absent(self) -> None:
        """See `Engine.start_absent`; the engine's thread looks for them by itself."""

    def kill(self, device: str, pid: int, reason: str) -> None:
        """See `Engine.kill`; the worker's Nanny kills it, if it has one."""
        for slot in tuple(self._slots.values()):
            if slot.worker.device == device and slot.report.pid == pid:
                self._happenings.put(_Ended(slot, WorkerEnd(Cause.HUNG, reason)))

    def pids(self) -> dict[str, int]:
        """Return the pid on its node of each device that has a process."""
        return {worker.device: slot.report.pid for worker, slot in self._slots.copy().items()}

    def _follow(self) -> None:
        """Register with the cluster and handle events until `stop` is called."""
        if problem := self._link.open():
            self._break_off(problem)
        until = time.monotonic() + FIRST_SECONDS
        self._missing = dict.fromkeys(() if self.broken else self._nodes.devices, until)
        if (adapt := self._cluster.request.adapt) is not None and not self.broken:
            give_up = partial(self._give_up, idle_only=True)
            follow_queues(self._cluster.own, adapt, self._slots, self._membership, give_up)
        while not self._stopping.is_set():
            try:
                happening = self._happenings.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                happening = None
            if happening is not None and not self._stopping.is_set():
                self._deal_with(happening)
            if not self._link.up:
                self._break_off(f"the scheduler {self._cluster.address} is gone")
            self._look_at_the_clock()

    def _hear(self, word: Word) -> None:
        """Handle a message of a node; called in the client's event loop, never blocks."""
        if not isinstance(word, Said):
            self._happenings.put(word)
        elif (slot := self._slots.get(word.worker)) is not None:
            slot.hear(word)
        elif word.method == "finish":
            # A dead worker's late message: the board refuses it and removes its leftovers.
            _log.info("%s: a late message", word.worker)
            threading.Thread(
                target=self._board.finish, args=(word.worker, *word.args), daemon=True
            ).start()

    def _deal_with(self, happening: _Happening) -> None:
        match happening:
            case Joined():
                self._give_slot(happening)
            case Unfit(worker, reason, True) if worker in self._slots:
                self._refuse(self._slots[worker], reason)
            case Unfit(worker, reason) if worker in self._slots:
                self._broke(self._slots[worker], WorkerEnd(Cause.FAILED, reason))
            case Leaving(worker) if worker in self._slots:
                self._ended(self._slots[worker], _DEPARTED)
            case Gone(address, expected):
                self._spare.pop(address, None)
                for device, joined in tuple(self._resting.items()):
                    if joined.report.address == address:
                        del self._resting[device]
                for slot in tuple(self._slots.values()):
                    if slot.report.address == address:
                        self._settle(slot, _DEPARTED if expected else _LOST)
            case _Ended(slot, WorkerEnd(cause=Cause.HUNG) as end) if slot.worker in self._slots:
                self._ended(slot, end)
                self._link.restart(slot.report.address)
            case _Ended(slot, end) if slot.worker in self._slots:
                self._broke(slot, end)

    def _give_slot(self, joined: Joined) -> None:
        """Give a registered worker a slot, if it passes the checks."""
        report = joined.report
        for slot in tuple(self._slots.values()):
            if (slot.report.node, slot.report.worker) == (report.node, report.worker):
                if slot.report.address == report.address:
                    return
                self._ended(slot, _LOST)
        given = self._nodes.slot(report)
        if isinstance(given, str):
            if report.address not in self._spare:
                self._membership.warn(given)
            self._spare[report.address] = joined
            return
        self._spare.pop(report.address, None)
        device = given.device.device
        if not self._membership.admit(given.device):
            _log.info("%s is left out", device)
            self._resting[device] = joined
            return
        self._missing.pop(device, None)
        slot = AppSlot(
            self._cluster.client,
            self._link.name,
            self._board,
            report,
            given.setup(self._setup_for(device)),
            self._refusal,
            lambda slot, end: self._happenings.put(_Ended(slot, end)),
        )
        self._slots[slot.worker] = slot
        slot.open()

    def _refusal(self, slot: AppSlot, facts: DeviceFacts) -> bool:
        """Whether a slot has loaded other weights than the run; it is then removed."""
        expected = slot.model_sha256(facts.model)
        reason = self._nodes.other_weights(expected, facts.model_sha256, facts.model)
        if reason:
            self._happenings.put(Unfit(slot.worker, reason, lasting=True))
        return bool(reason)

    def _refuse(self, slot: AppSlot, reason: str) -> None:
        """Remove a slot that a retry would not fix."""
        del self._slots[slot.worker]
        self._settling.pop(slot.worker, None)
        self._membership.warn(f"{slot.worker.device} is left out: {reason}")
        self._give_up(slot.worker.device, reason)
        slot.close()

    def _broke(self, slot: AppSlot, end: WorkerEnd) -> None:
        """Report the end of a slot whose process is alive; it may open another."""
        if self._ended(slot, end):
            self._give_slot(Joined(slot.report))
        elif self._membership.is_drained(slot.worker.device):
            # A process that has used a card keeps some of its memory without a model, too.
            self._link.restart(slot.report.address)

    def _settle(self, slot: AppSlot, end: WorkerEnd) -> None:
        """Report a slot's end, delayed if it may be the first sign that everything ends."""
        if end.unsettled and not slot.idle:
            slot.retire()
            until = time.monotonic() + SETTLING_SECONDS
            self._settling.setdefault(slot.worker, (until, slot, end))
        else:
            self._ended(slot, end)

    def _ended(self, slot: AppSlot, end: WorkerEnd) -> bool:
        """Report a slot's end; return whether its device may get another."""
        del self._slots[slot.worker]
        self._settling.pop(slot.worker, None)
        slot.lose()
        device = slot.worker.device
        _log.info("%s: %s", slot.worker, end.words or "left")
        if end.cause is Cause.DEPARTED and self._give_up(device, end.words):
            return False
        again = self._on_exit(slot.worker, end)
        if again:
            self._missing[device] = time.monotonic() + REJOIN_SECONDS
        return again

    def _give_up(self, device: str, reason: str, *, idle_only: bool = False) -> bool:
        """Give up a device for now; the next worker on its node may get it."""
        given_up = self._membership.lost(device, reason, idle_only=idle_only)
        if given_up:
            self._nodes.forget(device)
            for joined in tuple(self._spare.values()):
                self._happenings.put(joined)
        return given_up

    def _look_at_the_clock(self) -> None:
        """Report delayed ends that are due; give up devices whose workers stay away.

        A device that was started again gets the worker that is there for it.
        """
        now = time.monotonic()
        for device in () if self.broken else self._membership.absent():
            if (joined := self._resting.pop(device, None)) is not None:
                self._give_slot(joined)
            else:
                self._missing.setdefault(device, now + REJOIN_SECONDS)
        for until, slot, end in tuple(self._settling.values()):
            if until <= now:
                self._ended(slot, end)
        for device, until in tuple(self._missing.items()):
            if until <= now:
                del self._missing[device]
                self._give_up(device, "its worker did not return")

    def _break_off(self, why: str) -> None:
        """Give up every device: no work continues here, and no worker returns."""
        if self.broken:
            return
        self.broken = why
        self._membership.warn(f"{why}; resume the run when a cluster is available again")
        slots = tuple(self._slots.values())
        self._slots.clear()
        self._missing.clear()
        self._spare.clear()
        self._resting.clear()
        self._settling.clear()
        for slot in slots:
            slot.lose()
        for device in self._nodes.devices:
            self._give_up(device, why)
