"""What app and nodes say to each other by way of the scheduler, as frozen values.

Upwards they travel as events of one topic a run (`log_event`, `subscribe_topic`), downwards as
calls of the plugin (`Client.run`). The scheduler passes bytes on and never looks into them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.leases import Directive
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What a Dask worker's process sees of its node.

    Attributes:
        address: The process's address in the cluster; another one after every restart.
        worker: The name that Dask knows it by, or its Nanny's address; the same after a restart.
        node: The machine.
        pid: The process.
        versions: Of what decides a result.
        unseen: Paths that are not there as the app has them, each with the reason.
        devices: GPUs that the process may use, in its order, and the processor.
        cores: That all processes of the node may use.
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
    """A process is there and could get a slot."""

    report: NodeReport


@dataclass(frozen=True, slots=True)
class Said:
    """One call of the board's by a slot.

    Attributes:
        worker: Whose slot.
        method: Of `WorkerApi`, without the worker.
        args: Its arguments.
        call: Number by which the answer is told; 0 where nobody waits for one.
    """

    worker: WorkerId
    method: str
    args: tuple[object, ...]
    call: int = 0


@dataclass(frozen=True, slots=True)
class Unfit:
    """A slot could not be opened; `lasting` where another try would end the same way."""

    worker: WorkerId
    reason: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Leaving:
    """A slot's process is about to end in order: its job is over, or its node is told to end."""

    worker: WorkerId


Word = Joined | Said | Unfit | Leaving


@dataclass(frozen=True, slots=True)
class Open:
    """Load the model and be ready for leases."""

    setup: WorkerSetup


@dataclass(frozen=True, slots=True)
class Close:
    """Let go of the device."""

    worker: WorkerId


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a slot does with a lease at its next batch boundary.

    Attributes:
        worker: Whose slot.
        number: Grows with every order of the slot: they may overtake each other.
        unit_id: The unit.
        epoch: The attempt.
        order: The newest one replaces those before.
    """

    worker: WorkerId
    number: int
    unit_id: int
    epoch: int
    order: Directive


@dataclass(frozen=True, slots=True)
class Answer:
    """What the board answered a call."""

    worker: WorkerId
    call: int
    value: object


Mail = Open | Close | Ordered | Answer
