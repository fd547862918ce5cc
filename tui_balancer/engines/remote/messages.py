"""Messages between app and nodes through the scheduler, as frozen values.

To the app they travel as events of one topic per run (`log_event`, `subscribe_topic`), to nodes
as calls of the plugin (`Client.run`). The scheduler forwards bytes and never decodes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.leases import Directive
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A Dask worker process's report of its node.

    Attributes:
        address: The process's address in the cluster; changes with every restart.
        worker: Its name in Dask, or its Nanny's address; the same after a restart.
        node: Name of the machine.
        pid: The process.
        versions: Versions of libraries that affect results.
        unseen: Paths that differ from the app's view, each with the reason.
        devices: GPUs that the process may use, in its order, and the CPU.
        cores: Number of cores for all processes of the node.
    """

    address: str
    worker: str
    node: str
    pid: int
    versions: dict[str, str]
    unseen: tuple[str, ...]
    devices: tuple[DeviceInfo, ...]
    cores: int


@dataclass(frozen=True, slots=True)
class Joined:
    """A process is ready to get a slot."""

    report: NodeReport


@dataclass(frozen=True, slots=True)
class Said:
    """A slot's call of the board.

    Attributes:
        worker: Worker of the slot.
        method: Method of `WorkerApi`, without the worker.
        args: Its arguments.
        call: Number of the answer; 0 if none is expected.
    """

    worker: WorkerId
    method: str
    args: tuple[object, ...]
    call: int = 0


@dataclass(frozen=True, slots=True)
class Unfit:
    """A slot could not be opened; `lasting` if a retry would fail too."""

    worker: WorkerId
    reason: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Leaving:
    """A slot's process is about to end cleanly: its job is over, or its node was told to stop."""

    worker: WorkerId


Word = Joined | Said | Unfit | Leaving


@dataclass(frozen=True, slots=True)
class Open:
    """Load the model and get ready for leases."""

    setup: WorkerSetup


@dataclass(frozen=True, slots=True)
class Close:
    """Release the device."""

    worker: WorkerId


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order for a slot's lease at its next batch boundary.

    Attributes:
        worker: Worker of the slot.
        number: Increases with every order of the slot: they may arrive out of order.
        epoch: The attempt.
        order: The order; the newest replaces earlier ones.
    """

    worker: WorkerId
    number: int
    unit_id: int
    epoch: int
    order: Directive


@dataclass(frozen=True, slots=True)
class Answer:
    """The board's answer to a call."""

    worker: WorkerId
    call: int
    value: object


Mail = Open | Close | Ordered | Answer
