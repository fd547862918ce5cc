"""The nodes of a cluster: checks them and assigns devices to their workers."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tui_balancer.devices.info import DeviceInfo, local_device
from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import AUTO, DeviceRequest, SelectedDevice
from tui_balancer.engines.remote.messages import NodeReport
from tui_balancer.errors import UserError
from tui_balancer.extras import versions
from tui_balancer.formatting import listed
from tui_balancer.workers.wire.config import WorkerSetup

_SAME_AS_HERE = ("tui-balancer", "fair-esm")
"""Libraries that need the same version on all nodes; builds of torch may differ."""

_SAME_ON_NODES = (*_SAME_AS_HERE, "torch")

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Slot:
    """The device of one worker of the cluster.

    Attributes:
        device: Its id in the run: `NODE/cuda:0`.
        place: Its name in the worker's process.
    """

    device: SelectedDevice
    place: str

    def setup(self, setup: WorkerSetup) -> WorkerSetup:
        """Return the setup of a worker of this device, in its process's terms."""
        return replace(setup, place=self.place, scratch=None, queues=None)


class Nodes:
    """Assigns devices to the workers of a cluster, and keeps the assignment.

    A worker is identified by its node and its name there, so it keeps its device after restarts.
    On a node a GPU goes to the first worker that can use it: workers with `CUDA_VISIBLE_DEVICES`
    get their own; workers without it divide the GPUs. A second one is given to a GPU only if each
    has one, and if several may be.

    Args:
        request: `--devices`.
        threads: `--cpu-threads`; None divides each node's cores, and takes the smallest share.
        card_workers: Most workers of a card, see `device_names`.
    """

    def __init__(self, request: DeviceRequest, threads: int | None, card_workers: int = 1) -> None:
        numbered = [name for name in request.names if ":" in name]
        if numbered or len(request.names) > 1:
            raise UserError(
                "--devices on a cluster is auto, cuda, mps or cpu: select a worker's device "
                "where it is started (CUDA_VISIBLE_DEVICES)"
            )
        (self._kind,) = request.names
        self._threads = threads
        self._card_workers = card_workers
        self._slots: dict[tuple[str, str], Slot] = {}
        self._cards: dict[str, dict[str, int]] = {}
        self._reference: NodeReport | None = None
        self._weights: dict[int, str] = {}
        self._weights_lock = threading.Lock()

    @property
    def processor_only(self) -> bool:
        """Whether to ignore GPUs."""
        return self._kind == CPU

    def settle(self, reports: Sequence[NodeReport]) -> tuple[list[SelectedDevice], list[str]]:
        """Assign devices to the workers that are there at the start.

        Returns:
            The devices in order of nodes, and lines about workers without one.

        Raises:
            UserError: A node fails the checks, or none has such a device.
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
        """Return a worker's device, the same as before if it had one; or why there is none."""
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
            return f"{_named(report)} has no free {self._kind} device"
        name, info = first
        threads = (self._threads or 1) if self._kind == CPU else 1
        slot = Slot(
            SelectedDevice.of(info, f"{report.node}/{name}", threads),
            local_device(info.device if info.device != CPU else name, info.visible),
        )
        self._slots[key] = slot
        return slot

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that a worker has, or had a moment ago."""
        return tuple(slot.device.device for slot in tuple(self._slots.values()))

    def forget(self, device: str) -> None:
        """Free a worker's device for the next worker on its node."""
        for key, slot in tuple(self._slots.items()):
            if slot.device.device == device:
                del self._slots[key]

    def other_weights(self, expected: str, found: str, model: int = 0) -> str:
        """Return a message if a slot has loaded other weights than the run; empty otherwise.

        Thread-safe: called by the threads of several slots.

        Args:
            expected: Expected SHA-256 of the weights; empty if unknown, and then the first loaded
                ones count.
            found: SHA-256 of the loaded weights.
            model: The place of the model in the run.
        """
        with self._weights_lock:
            known = self._weights[model] = expected or self._weights.get(model) or found
            if found == known:
                return ""
            return (
                f"it has loaded other weights (sha256 {found[:12]}, not {known[:12]}); "
                "give all nodes the same model"
            )

    def _candidates(self, report: NodeReport) -> Iterable[tuple[str, DeviceInfo]]:
        """Yield a worker's possible devices: names within the node, and their facts."""
        found = [info for info in report.devices if info.kind == self._kind]
        if self._kind == CPU:
            for info in found:
                yield from ((f"{CPU}:{number}", info) for number in itertools.count())
        workers = self._card_workers if self._kind == "cuda" else 1
        for slot in range(workers):
            for info in found:
                name = info.device
                if info.uuid is not None:
                    name = f"{self._kind}:{self._number(report.node, info.uuid)}"
                yield f"{name}/{slot}" if workers > 1 else name, info

    def _number(self, node: str, uuid: str) -> int:
        """Return a card's number on its node: workers may see cards in different order."""
        cards = self._cards.setdefault(node, {})
        return cards.setdefault(uuid, len(cards))

    def _unfit(self, report: NodeReport) -> str:
        """Return why a worker fails the checks; empty if it passes."""
        if report.unseen:
            return (
                f"{_named(report)} does not see what this machine sees: "
                f"{listed(report.unseen, _NAMED)}. The run folder, "
                "the inputs and the model must be on a file system that all nodes share"
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
    """Return a sort key that puts worker 10 after worker 9."""
    return (int(name), "") if name.isdigit() else (-1, name)
