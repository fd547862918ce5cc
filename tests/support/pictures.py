"""Pictures of one invented run at several moments, for tests of what shows them."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from tui_balancer.failures import FailureCause
from tui_balancer.notices import Example, Notice, NoticeKind
from tui_balancer.samples import DeviceSample
from tui_balancer.scheduler.events import (
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    SettingEvent,
    StealEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import (
    DeviceMetrics,
    DeviceState,
    RunningUnit,
    TimeSettings,
    Totals,
    Unit,
    WaitingUnit,
)
from tui_balancer.view.handle import (
    DeviceSummary,
    FailedFile,
    Phase,
    RunSnapshot,
    RunSummary,
    ScanProgress,
    Step,
)

GIB = 2**30
STARTED_AT = 1_760_000_000.0  # 2025-10-09 08:53:20 UTC
A100 = "NVIDIA A100-SXM4-80GB"
RTX = "NVIDIA GeForce RTX 4090"
MODEL = "esm2_t33_650M_UR50D"


def unit(number: int, sequences: int = 120) -> Unit:
    """Return a file; sizes vary with the number so that rows differ."""
    sequences += (number * 37) % 400
    residues = sequences * (180 + (number * 13) % 150)
    return Unit(
        number, f"marine_virome/contigs_{number:04d}.faa", sequences, residues, residues * 1.3e9
    )


def queue(first: int, length: int) -> tuple[Unit, ...]:
    """Return the files `first`, `first + 1`, …"""
    return tuple(unit(first + index) for index in range(length))


QUEUES = {
    "cuda:0": queue(100, 42),
    "cuda:1": queue(300, 6),
    "cuda:2": queue(500, 131),
    "cuda:3": (),
}

UNITS = queue(0, 1_204)
WAITING_OR_RUNNING = {96, 298, *(one.unit_id for units in QUEUES.values() for one in units)}
ENDED = {number: 1 for number in range(1_204) if number not in WAITING_OR_RUNNING}
"""The other files are done, as `Places.ended` has it."""

_DEVICES = (
    DeviceMetrics(
        "cuda:0",
        A100,
        DeviceState.BUSY,
        1.2,
        0.97,
        412.0,
        121_000.0,
        1.6e14,
        42,
        9.1e15,
        311,
        12,
        0,
        RunningUnit(unit(96), 1, 0.45, 8.2),
        DeviceSample(31 * GIB, 80 * GIB, 0.93),
        56.0,
    ),
    DeviceMetrics(
        "cuda:1",
        A100,
        DeviceState.BUSY,
        1.2,
        0.63,
        268.0,
        80_400.0,
        1.1e14,
        6,
        1.2e15,
        287,
        3,
        9,
        RunningUnit(unit(298), 1, 0.08, 0.9),
        DeviceSample(30 * GIB, 80 * GIB, 0.71),
        11.0,
    ),
    DeviceMetrics(
        "cuda:2",
        RTX,
        DeviceState.PAUSED,
        1.5,
        0.31,
        96.5,
        22_300.0,
        0.3e14,
        131,
        2.8e16,
        158,
        0,
        6,
        None,
        DeviceSample(17 * GIB, 24 * GIB),
        940.0,
    ),
    DeviceMetrics(
        "cuda:3",
        RTX,
        DeviceState.IDLE,
        1.5,
        0.0,
        None,
        None,
        None,
        0,
        0.0,
        202,
        0,
        0,
        None,
        DeviceSample(2 * GIB, 24 * GIB),
        0.0,
    ),
)

_RATES = (1.6e14, 1.1e14, 0.3e14, 1.2e14)


def next_units(device: str, rate: float) -> tuple[WaitingUnit, ...]:
    """Return the front of a queue, whose device is free in ten seconds."""
    starts = accumulate((one.cost / rate for one in QUEUES[device]), initial=10.0)
    return tuple(
        WaitingUnit(one.unit_id, one.name, one.residues, seconds)
        for one, seconds in zip(QUEUES[device][:8], starts, strict=False)
    )


DEVICES = tuple(
    replace(
        one,
        rate=rate,
        residues_done=int(rate / 1e6),
        next_units=next_units(one.device, rate),
    )
    for one, rate in zip(_DEVICES, _RATES, strict=True)
)

TOTALS = Totals(
    files=1_204,
    done=1_023,
    failed=0,
    running=2,
    waiting=179,
    sequences=310_000,
    sequences_done=251_020,
    residues=71_000_000,
    residues_done=57_300_000,
    cost=9.2e16,
    cost_done=7.0e16,
)

RUNNING = RunSnapshot(
    phase=Phase.RUNNING,
    model_label=MODEL,
    untrained=False,
    output="results/virome",
    started_at=STARTED_AT,
    elapsed_seconds=754.0,
    scan=ScanProgress(1_204, 1_204, 310_000, 71_000_000),
    totals=TOTALS,
    policy=TimeSettings(1.0),
    stealing=True,
    sequences_per_second=776.5,
    residues_per_second=223_700.0,
    eta_seconds=312.0,
    devices=DEVICES,
    efficiency=0.94,
)

SCANNING = replace(
    RUNNING,
    phase=Phase.SCANNING,
    elapsed_seconds=3.0,
    scan=ScanProgress(1_204, 371, 95_400, 21_800_000),
    totals=Totals(),
    sequences_per_second=None,
    residues_per_second=None,
    eta_seconds=None,
    devices=(),
    efficiency=None,
)

PREPARING = replace(
    SCANNING,
    phase=Phase.PREPARING,
    elapsed_seconds=1.0,
    scan=ScanProgress(),
    step=Step("finding the inputs", 312_000, unit="files"),
)

UNTRAINED = replace(
    RUNNING,
    model_label="untrained esm2_t6_8M_UR50D (seed 0)",
    untrained=True,
    warnings=("unknown card “NVIDIA Test”: weight 1.0; set it with --weights",),
)

PAUSED = replace(
    RUNNING,
    paused=True,
    eta_seconds=None,
    devices=tuple(replace(one, state=DeviceState.PAUSED) for one in DEVICES),
)

DISK_FULL = replace(PAUSED, trouble="no space left in results/virome: 120 MiB free, 400 MiB needed")

BROKEN = replace(
    RUNNING,
    totals=replace(TOTALS, failed=3, done=1_020),
    devices=(
        DEVICES[0],
        replace(
            DEVICES[1],
            state=DeviceState.DEAD,
            utilisation=None,
            sequences_per_second=None,
            residues_per_second=None,
            flops_per_second=None,
            running=None,
            sample=DeviceSample(),
            finish_seconds=None,
            restarts=3,
            note="CUDA out of memory, three times",
        ),
        *DEVICES[2:],
    ),
    warnings=("marine_virome/contigs_0007.faa: 2 duplicate ids",),
)

FINISHED = replace(
    RUNNING,
    phase=Phase.FINISHED,
    elapsed_seconds=1_066.0,
    totals=replace(
        TOTALS,
        done=1_201,
        failed=3,
        running=0,
        waiting=0,
        cost_done=9.2e16,
        sequences_done=309_400,
        residues_done=70_900_000,
    ),
    eta_seconds=None,
    devices=tuple(
        replace(one, state=DeviceState.STOPPED, running=None, queued_files=0, finish_seconds=None)
        for one in DEVICES
    ),
)

SUMMARY = RunSummary(
    done=1_201,
    failed=(
        FailedFile("marine_virome/contigs_0451.faa", "line 12: no sequence before the header"),
        FailedFile("marine_virome/readme.faa", "not FASTA: line 1 does not start with “>”"),
        FailedFile("old/genome.fa", "looks like nucleotides; use --allow-nucleotide to read it"),
    ),
    waiting=0,
    sequences=309_400,
    residues=70_900_000,
    truncated=212,
    replaced=18,
    skipped=4,
    elapsed_seconds=1_066.0,
    steals=31,
    moves=2,
    devices=(
        DeviceSummary("cuda:0", A100, 402, 110_200, 25_100_000, 1_021.0, 6.1, 12, 0, 0),
        DeviceSummary("cuda:1", A100, 360, 98_400, 22_300_000, 998.0, 6.3, 3, 9, 1),
        DeviceSummary("cuda:2", RTX, 215, 48_700, 11_200_000, 640.0, 7.0, 0, 22, 0),
        DeviceSummary("cuda:3", RTX, 224, 52_100, 12_300_000, 903.0, 6.8, 16, 0, 0),
    ),
    model_label=MODEL,
    output="results/virome",
    warnings=("marine_virome/contigs_0007.faa: 2 duplicate ids",),
)

EVENTS: tuple[Event, ...] = (
    StealEvent(
        *(0, 301.2, 210, unit(210).name, 240, "cuda:2", "cuda:0", "14 s sooner", 61.0, 47.0),
        source_ends=(61.0, 47.0),
        target_ends=(0.0, 12.5),
    ),
    SettingEvent(0, 388.0, "steal if ≥ 1 s saved"),
    StealEvent(
        *(0, 402.9, 211, unit(211).name, 240, "cuda:1", "cuda:0", "3.1 s sooner", 20.0, 16.9),
        source_ends=(20.0, 16.9),
        target_ends=(0.0, 9.0),
    ),
    MoveEvent(0, 510.0, 96, unit(96).name, "cuda:2", "cuda:0"),
    FailureEvent(0, 640.0, 451, unit(451).name, None, "line 12: no sequence before the header"),
    DeviceEvent(0, 700.5, "cuda:2", DeviceState.PAUSED, "by hand"),
    StealEvent(0, 733.0, 520, unit(520).name, 310, "cuda:2", "cuda:1", "cuda:2 is paused"),
)


def _failed(number: int, seconds: float, cause: FailureCause, reason: str) -> FailureEvent:
    name = unit(number).name
    return FailureEvent(0, seconds, number, name, None, reason, cause=cause)


PROBLEMS: tuple[Event, ...] = (
    *(_failed(one, 12.0, FailureCause.EMPTY, "the file is empty") for one in (3, 8, 21, 34)),
    _failed(40, 13.0, FailureCause.NOT_FASTA, "line 1: not FASTA: 'MKVLA' instead of a '>' header"),
    *(
        _failed(one, 80.0, FailureCause.OUT_OF_MEMORY, "cannot embed it: not enough memory")
        for one in (55, 89)
    ),
    _failed(144, 91.0, FailureCause.UNEXPECTED, "cannot embed it: ValueError: no such layer"),
    WarningEvent(
        0,
        15.0,
        Notice(
            "sequences look like DNA or RNA: 2,310 in 14 files",
            NoticeKind.NUCLEOTIDES,
            2_310,
            14,
            (
                Example("old/genome.faa", 7, "scaffold_1"),
                Example("old/genome.faa", 911, "scaffold_2"),
                Example("old/plasmid.faa", 1, "pX1"),
            ),
        ),
    ),
    WarningEvent(0, 15.0, Notice("torch is 2.9 now and was 2.8 before")),
)
"""What a run of four causes of failures, and two warnings, has told."""


def _work(device: str, first: int, begin: float, seconds: float, gap: float) -> list[Event]:
    """Return what a device's files leave behind from its loading to the picture."""
    events: list[Event] = [
        DeviceEvent(0, 0.0, device, DeviceState.STARTING, ""),
        DeviceEvent(0, begin, device, DeviceState.IDLE, "model loaded"),
    ]
    now, number = begin, first
    while True:
        took = seconds * (1 + (number * 7 % 5) / 4)
        events.append(LeaseEvent(0, now, number, unit(number).name, device, 1))
        if now + took > RUNNING.elapsed_seconds:
            return events
        events.append(DoneEvent(0, now + took, number, unit(number).name, device, 1, took))
        now, number = now + took + gap, number + 1


WORK: tuple[Event, ...] = tuple(
    sorted(
        [
            *_work("cuda:0", 700, 40.0, 21.0, 0.2),
            *_work("cuda:1", 760, 44.0, 33.0, 0.3),
            *_work("cuda:2", 820, 90.0, 62.0, 9.0)[:-3],
            *_work("cuda:3", 860, 61.0, 15.0, 1.0)[:60],
            *EVENTS,
        ],
        key=lambda event: event.seconds,
    )
)
"""The same with every file that was begun and done: what a timeline is made of."""


def many_devices(count: int) -> tuple[DeviceMetrics, ...]:
    """Return as many devices, of two kinds."""
    return tuple(
        replace(DEVICES[number % 4], device=f"cuda:{number}", name=(A100, RTX)[number // 32 % 2])
        for number in range(count)
    )
