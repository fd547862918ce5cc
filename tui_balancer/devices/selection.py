"""From `--devices`, `--cpu-workers` and `--cpu-threads` to the devices of a run. No torch here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from tui_balancer.device_names import MOST_CARD_WORKERS, device_name
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import CPU
from tui_balancer.errors import UserError

AUTO = "auto"

WorkersPerGpu = int | Literal["auto"]
"""Workers of each card, or as many as suit it."""

_FORMS = "auto, cuda, cuda:N, mps, cpu, or a list such as cuda:0,cuda:2"
_NUMBERED = re.compile(r"cuda:(\d+)(?:/(\d+))?")


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a person wrote for `--devices`.

    Attributes:
        names: `auto` alone, or any of `cuda`, `cuda:N`, `cuda:N/M`, `mps` and `cpu`, none twice.
    """

    names: tuple[str, ...]

    @property
    def processor_only(self) -> bool:
        """Whether it takes no look at the GPUs to answer."""
        return self.names == (CPU,)


@dataclass(frozen=True, slots=True)
class SelectedDevice(DeviceInfo):
    """A device of the run: it gets one worker.

    Its `device` is its name in the run, see `device_names`.

    Attributes:
        threads: CPU threads of its worker.
    """

    threads: int = 1

    @classmethod
    def of(cls, info: DeviceInfo, device: str, threads: int = 1) -> SelectedDevice:
        """Return a device, or a worker's part of the processor, under its name in the run."""
        return cls(**{**asdict(info), "device": device, "threads": threads})


@dataclass(frozen=True, slots=True)
class ProcessorShares:
    """How the processor is shared out.

    Attributes:
        workers: `--cpu-workers`; None for as many as cores and memory allow.
        threads: `--cpu-threads`; None for an equal share of the cores.
        cores: That may be used, see `processor.usable_cores`.
        memory: Bytes that may be used, see `processor.available_memory`.
        worker_bytes: What one worker needs.
    """

    workers: int | None
    threads: int | None
    cores: int
    memory: int
    worker_bytes: int


def parse_devices(text: str) -> DeviceRequest:
    """Read what a person wrote for `--devices`.

    Raises:
        UserError: It names no kind of device.
    """
    names: dict[str, None] = {}
    for word in text.lower().split(","):
        name = word.strip()
        if numbered := _NUMBERED.fullmatch(name):
            name = f"cuda:{int(numbered[1])}"
            if numbered[2]:
                name += f"/{int(numbered[2])}"
                require_slot(name)
        elif name.startswith("cpu:"):
            raise UserError(f"--devices {name}: write cpu, and --cpu-workers for their number")
        elif name not in (AUTO, "cuda", "mps", CPU):
            raise UserError(f"--devices {text!r}: unknown device {name!r}; write {_FORMS}")
        names[name] = None
    if AUTO in names and len(names) > 1:
        raise UserError(f"--devices {text!r}: auto stands alone")
    return DeviceRequest(tuple(names))


def select_devices(
    request: DeviceRequest, found: Sequence[DeviceInfo], shares: ProcessorShares
) -> tuple[SelectedDevice, ...]:
    """Return the devices of the run, CUDA's first, the processor's workers last.

    Args:
        request: What was asked for; `auto` is every CUDA device, else MPS, else the
            processor, and besides them the processor when `--cpu-workers` is given.
        found: What `discovery.discover` saw.
        shares: How the processor is shared out.

    Raises:
        UserError: A device is not there, or CPU workers are named without the CPU.
    """
    names = _automatic(found, shares) if request.names == (AUTO,) else request.names
    if shares.workers is not None and CPU not in names:
        wanted = ",".join((*names, CPU))
        raise UserError(f"--cpu-workers without the CPU: write --devices {wanted}")
    by_name = {info.device: info for info in found}
    cuda = [info for info in found if info.device.startswith("cuda:")]
    chosen: dict[str, DeviceInfo] = {}
    for name in names:
        place = device_name(name).place
        if name == "cuda" and cuda:
            chosen.update((info.device, info) for info in cuda)
        elif name != CPU and place in by_name:
            chosen[name] = by_name[place]
        elif name != CPU:
            raise UserError(_missing(name, cuda))

    def order(name: str) -> tuple[int, int]:
        return found.index(chosen[name]), device_name(name).slot or 0

    selected = [SelectedDevice.of(chosen[name], name) for name in sorted(chosen, key=order)]
    if CPU in names:
        accelerators = len({device_name(one.device).card for one in selected})
        selected += _processor_workers(by_name[CPU], shares, accelerators)
    return tuple(selected)


def require_slot(name: str) -> None:
    """Refuse a worker of a card whose number is too high.

    Raises:
        UserError: It is.
    """
    if (device_name(name).slot or 0) >= MOST_CARD_WORKERS:
        raise UserError(f"{name}: a card has at most {MOST_CARD_WORKERS} workers, from /0")


def _automatic(found: Sequence[DeviceInfo], shares: ProcessorShares) -> tuple[str, ...]:
    """Return what `auto` stands for on this machine."""
    kinds = {info.kind for info in found}
    best = next(kind for kind in ("cuda", "mps", CPU) if kind in kinds)
    return (best, CPU) if best != CPU and shares.workers is not None else (best,)


def _processor_workers(
    processor: DeviceInfo, shares: ProcessorShares, accelerators: int
) -> list[SelectedDevice]:
    """Return the processor's workers; a core is left for every accelerator.

    However many workers an accelerator has: the processor's outputs depend on its threads.
    """
    cores = max(1, shares.cores - accelerators)
    workers = shares.workers
    if workers is None:
        by_cores = cores // (shares.threads or 1)
        workers = max(1, min(by_cores, shares.memory // shares.worker_bytes))
    threads = shares.threads or max(1, cores // workers)
    return [SelectedDevice.of(processor, f"cpu:{number}", threads) for number in range(workers)]


def _missing(name: str, cuda: Sequence[DeviceInfo]) -> str:
    """Say which device is not there, and which are."""
    if name == "mps":
        return "mps: this machine has no Apple GPU that torch can use"
    if not cuda:
        return f"{name}: torch finds no CUDA device on this machine; write --devices cpu"
    devices = ", ".join(info.device for info in cuda)
    plural = "s" if len(cuda) > 1 else ""
    return f"{name}: this machine has {len(cuda)} CUDA device{plural} ({devices})"
