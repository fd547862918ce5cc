"""The tables of `plan`, `devices` and `bench`."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from tui_balancer.device_names import card_workers
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.formatting import count, estimate, memory, percent, quantity
from tui_balancer.run.prepare.learned_rates import learned_words, load_rates
from tui_balancer.run.prepare.plan import PlannedDevice
from tui_balancer.scheduler.model import DeviceSpec
from tui_balancer.scheduler.policy.device_weights import match_device_weight
from tui_balancer.workers.benchmark.messages import Measurement


def plan_table(planned: Sequence[PlannedDevice]) -> Table:
    """Return the assignment; times are marked as estimates."""
    table = _table(
        ("device", "name"), ("weight", "files", "sequences", "residues", "TFLOP", "~time")
    )
    for one in planned:
        table.add_row(
            one.device,
            one.name,
            f"{one.weight:.2f}",
            count(one.files),
            count(one.sequences),
            quantity(one.residues),
            quantity(one.cost / 1e12),
            estimate(one.seconds),
        )
    return table


def devices_table(devices: Sequence[SelectedDevice], specs: Sequence[DeviceSpec]) -> Table:
    """Return the devices with weights, reasons, and the speeds that earlier runs measured."""
    table = _table(("device", "name"), ("memory", "threads", "weight"), ("why", "learned"))
    rates, workers = load_rates(), card_workers(one.device for one in devices)
    for one, spec in zip(devices, specs, strict=True):
        sharing = workers[one.device]
        match = match_device_weight(one.device, one.name).shared(sharing)
        table.add_row(
            one.device,
            one.name,
            memory(one.memory_total) + (f" / {sharing}" if sharing > 1 else ""),
            str(one.threads),
            f"{spec.weight:.2f}",
            match.reason if spec.weight == match.weight else "given by --weights",
            learned_words(one, rates, workers=sharing),
        )
    return table


def bench_table(measured: Sequence[Measurement]) -> Table:
    """Return each device's speed by number format and length of the proteins."""
    table = _table(
        ("device", "precision"),
        ("workers", "residues", "residues/s", "FLOP/s", "ceiling", "of ceiling"),
    )
    for one in measured:
        table.add_row(
            one.device,
            one.precision,
            str(one.workers),
            f"{one.bucket.shortest}–{one.bucket.longest}",
            quantity(one.residues_per_second),
            quantity(one.flops_per_second),
            quantity(one.ceiling),
            percent(one.flops_per_second / one.ceiling),
        )
    return table


def _table(words: Sequence[str], numbers: Sequence[str], remarks: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in words:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in remarks:
        table.add_column(heading)
    return table
