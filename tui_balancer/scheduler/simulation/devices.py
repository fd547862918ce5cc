"""What a simulation is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from tui_balancer.scheduler.model import DeviceSpec, ModelSpec, PolicySettings, TimeSettings
from tui_balancer.scheduler.policy.bounds import Speed

REPORT_SECONDS = 2.0
"""Virtual time between two progress reports of a simulated worker."""


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
class Rules:
    """How a simulated run is balanced.

    Attributes:
        stealing: False for the assignment alone.
        batch_cost: FLOPs of a batch, of which running units can be divided; inf for whole ones.
        report_seconds: Virtual time between two progress reports within a whole unit.
        models: Of the run; a device takes the `load_seconds` of one for a change to it.
    """

    policy: PolicySettings = field(default_factory=TimeSettings)
    stealing: bool = True
    batch_cost: float = inf
    report_seconds: float = REPORT_SECONDS
    models: tuple[ModelSpec, ...] = (ModelSpec(),)
