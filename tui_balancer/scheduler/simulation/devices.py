"""What a simulation is made of, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.scheduler.model import DeviceSpec, PolicySettings, Totals
from tui_balancer.scheduler.policy.bounds import Speed


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A device of a simulation.

    Attributes:
        spec: What the coordinator knows; the weight may be wrong.
        load_seconds: From the start of a worker to its model being ready.
        deaths: Moments at which its worker is killed, in seconds of the run.
    """

    spec: DeviceSpec
    speed: Speed
    load_seconds: float = 0.0
    deaths: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What came out.

    Attributes:
        makespan: Seconds until the last file was finished.
        busy_seconds: Time each device computed, by device.
        splits: How often a device joined another one in a running file.
        totals: The counts at the end.
        decision_seconds: Real seconds of every call in which an idle device looked for work
            in other queues; empty without a stopwatch.
    """

    makespan: float
    busy_seconds: dict[str, float]
    steals: int
    totals: Totals
    decision_seconds: tuple[float, ...] = ()
    splits: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How a simulated run is balanced.

    Attributes:
        stealing: False for the assignment alone.
        batch_cost: FLOPs of a batch, of which running units can be divided; inf for whole ones.
        report_seconds: Virtual time between two progress reports within a whole unit.
    """

    policy: PolicySettings
    stealing: bool
    batch_cost: float
    report_seconds: float
