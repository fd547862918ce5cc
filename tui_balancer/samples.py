"""A sample of a device's sensors, passed unchanged from the worker to the screen."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DeviceSample:
    """One reading of a device's sensors; None where there is no such sensor.

    Attributes:
        memory_used: Bytes: the whole device's for a GPU, the worker process's for the processor.
        memory_total: Bytes.
        sensor_utilisation: In [0, 1]: NVML's figure for a CUDA device, the share of its
            threads that the worker process keeps running for the processor.
        process_memory: Bytes of a CUDA device that the worker process has; its workers share the
            other figures.
    """

    memory_used: int | None = None
    memory_total: int | None = None
    sensor_utilisation: float | None = None
    process_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What a worker reports about once a second, also while a batch is in flight.

    Attributes:
        busy_seconds: Cumulative seconds with a batch in flight since the worker began, the running
            batch included.
    """

    busy_seconds: float
    sample: DeviceSample = field(default_factory=DeviceSample)
