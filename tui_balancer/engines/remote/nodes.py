"""The nodes of a cluster: are they fit for the run, and which device does each worker get?"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import AUTO, DeviceRequest, SelectedDevice
from tui_balancer.engines.remote.messages import NodeReport
from tui_balancer.errors import UserError
from tui_balancer.extras import versions
from tui_balancer.formatting import listed
from tui_balancer.workers.wire.config import WorkerSetup

_SAME_AS_HERE = ("tui-balancer", "fair-esm")
"""Versions that nodes share with this process; torch may be built for GPUs there and not here."""

_SAME_ON_NODES = (*_SAME_AS_HERE, "torch")

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Slot:
    """What one worker of the cluster computes on in this run.

    Attributes:
        device: As the run sees it; `NODE/cuda:0`.
        place: What it is called in the worker's process.
    """

    device: SelectedDevice
    place: str

    def setup(self, setup: WorkerSetup) -> WorkerSetup:
        """Return what the run gives a worker of this device, as its process understands it."""
        return replace(setup, place=self.place, scratch=None, queues=None)


class Nodes:
    """Gives the workers of a cluster their devices, and remembers who has which.

    A worker is told by its node and its name there, so that it keeps its device through restarts.
    On a node a GPU goes to the first worker that can use it: started one a GPU with
    `CUDA_VISIBLE_DEVICES` each has its own, and started without they share out what there is.

    Args:
        request: `--devices`.
        threads: `--cpu-threads`; None shares out each node's cores, and takes the least share.
    """

    def __init__(self, request: DeviceRequest, threads: int | None) -> None:
        numbered = [name for name in request.names if ":" in name]
        if numbered or len(request.names) > 1:
            raise UserError(
                "--devices on a cluster is auto, cuda, mps or cpu: which of its devices a worker "
                "computes on is said where it is started (CUDA_VISIBLE_DEVICES)"
            )
        (self._kind,) = request.names
        self._threads = threads
        self._slots: dict[tuple[str, str], Slot] = {}
        self._cards: dict[str, dict[str, int]] = {}
        self._reference: NodeReport | None = None
        self._weights = ""
        self._weights_lock = threading.Lock()

    @property
    def processor_only(self) -> bool:
        """Whether GPUs do not matter."""
        return self._kind == CPU

    def settle(self, reports: Sequence[NodeReport]) -> tuple[list[SelectedDevice], list[str]]:
        """Give the workers that are there at the start their devices.

        Returns:
            The devices in order of nodes, and lines about workers that got none.

        Raises:
            UserError: A node is not fit for the run, or none has such a device.
        """
        in_order = sorted(reports, key=lambda one: (one.node, _natural(one.worker)))
        for report in in_order:
            if problem := self._unfit(report):
                raise UserError(problem)
        if self._kind == AUTO:
            kinds = {device.kind for one in in_order for device in one.devices}
            self._kind = next(kind for kind in ("cuda", "mps", CPU) if kind in kinds)
        if self._threads is None:
            workers = Counter(one.node for one in in_order)
            shares = [one.cores // workers[one.node] for one in in_order]
            self._threads = max(1, min(shares)) if self._kind == CPU else 1
        warnings = []
        for report in in_order:
            slot = self.slot(report)
            if isinstance(slot, str):
                warnings.append(slot)
        if not self._slots:
            raise UserError(f"--devices {self._kind}: {'; '.join(warnings[:_NAMED])}")
        return [slot.device for slot in self._slots.values()], warnings

    def slot(self, report: NodeReport) -> Slot | str:
        """Return what a worker computes on, the same as ever if it had one; or why nothing."""
        key = (report.node, report.worker)
        if problem := self._unfit(report):
            return problem
        if key in self._slots:
            return self._slots[key]
        taken = {slot.device.device for slot in self._slots.values()}
        free = (
            (name, info)
            for name, info in self._candidates(report)
            if f"{report.node}/{name}" not in taken
        )
        first = next(free, None)
        if first is None:
            return f"{_named(report)} has no {self._kind} device left to compute on"
        name, info = first
        threads = (self._threads or 1) if self._kind == CPU else 1
        slot = Slot(
            SelectedDevice.of(info, f"{report.node}/{name}", threads),
            "cuda:0" if info.visible else info.device if info.device != CPU else name,
        )
        self._slots[key] = slot
        return slot

    @property
    def devices(self) -> tuple[str, ...]:
        """Those that a worker has, or had a moment ago."""
        return tuple(slot.device.device for slot in tuple(self._slots.values()))

    def forget(self, device: str) -> None:
        """Let whoever comes next on a node have what a worker had there."""
        for key, slot in tuple(self._slots.items()):
            if slot.device.device == device:
                del self._slots[key]

    def other_weights(self, expected: str, found: str) -> str:
        """Say that a slot has loaded other weights than the run's; nothing if it has not.

        Called by the threads of several slots at once.

        Args:
            expected: SHA-256 that the weights should have; empty where nobody knows it, and those
                that are loaded first count.
            found: SHA-256 of those that it has loaded.
        """
        with self._weights_lock:
            self._weights = expected or self._weights or found
            if found == self._weights:
                return ""
            return (
                f"it has loaded other weights (sha256 {found[:12]}, not {self._weights[:12]}); "
                "give all nodes the same model"
            )

    def _candidates(self, report: NodeReport) -> Iterable[tuple[str, DeviceInfo]]:
        """Yield what a worker could compute on: names within the node, and what they are."""
        for info in report.devices:
            if info.kind != self._kind:
                continue
            if info.device == CPU:
                yield from ((f"{CPU}:{number}", info) for number in itertools.count())
            elif info.uuid is not None:
                yield f"{self._kind}:{self._number(report.node, info.uuid)}", info
            else:
                yield info.device, info

    def _number(self, node: str, uuid: str) -> int:
        """Return a card's number on its node: workers may see the same cards in another order."""
        cards = self._cards.setdefault(node, {})
        return cards.setdefault(uuid, len(cards))

    def _unfit(self, report: NodeReport) -> str:
        """Say why a worker is not fit for the run; nothing if it is."""
        if report.unseen:
            return (
                f"{_named(report)} does not see what this machine sees: "
                f"{listed(report.unseen, _NAMED)}. The run folder, "
                "the inputs and the model must lie on a file system that all nodes share"
            )
        for package in _SAME_AS_HERE:
            here, there = versions().get(package), report.versions.get(package)
            if here != there:
                return _difference(report, package, there, "this machine", here)
        if self._reference is None:
            self._reference = report
        first = self._reference
        for package in _SAME_ON_NODES:
            here, there = first.versions.get(package), report.versions.get(package)
            if here != there:
                return _difference(report, package, there, _named(first), here)
        return ""


def _difference(
    report: NodeReport, package: str, there: str | None, other: str, here: str | None
) -> str:
    return (
        f"{_named(report)} has {package} {there or 'not at all'}, {other} has "
        f"{here or 'it not at all'}: install the same, outputs must not depend on the node"
    )


def _named(report: NodeReport) -> str:
    return f"the node {report.node} (worker {report.worker})"


def _natural(name: str) -> tuple[int, str]:
    """Let worker 10 come after worker 9."""
    return (int(name), "") if name.isdigit() else (-1, name)
