"""One event of every kind."""

from __future__ import annotations

from typing import Final

from tui_balancer.notices import Example, Notice
from tui_balancer.scheduler.events import (
    AddedEvent,
    AssignmentEvent,
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    PartEvent,
    RetryEvent,
    ReturnEvent,
    SettingEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceState, ReturnCause

UNIT: Final = (4, "a.faa")
ROUTE: Final = ("cuda:1", "cuda:0")
EMPTY_ONES: Final = (Example("a.faa", 3, "P1"), Example("a.faa", 9, "P2"))

TOLD: Final[dict[Event, str]] = {
    StealEvent(1, 0.0, *UNIT, 9, *ROUTE, "41 s sooner", 90.0, 49.0): (
        "steal    cuda:1 → cuda:0  a.faa: 41 s sooner"
    ),
    SplitEvent(2, 0.0, *UNIT, *ROUTE, 3, 9, "5 s sooner"): (
        "split    cuda:1 → cuda:0  a.faa: 3 of 9 batches, 5 s sooner"
    ),
    SplitEvent(3, 0.0, *UNIT, *ROUTE, 9, 9, "5 s sooner", copy=True): (
        "copy     cuda:1 → cuda:0  a.faa: 5 s sooner"
    ),
    MoveEvent(4, 0.0, *UNIT, *ROUTE): "move     cuda:1 → cuda:0  a.faa: by hand",
    FailureEvent(5, 0.0, *UNIT, None, "line 3: bad"): "failed   a.faa: line 3: bad",
    FailureEvent(6, 0.0, *UNIT, "cuda:1", "too large"): "failed   cuda:1  a.faa: too large",
    FailureEvent(7, 0.0, *UNIT, None, "skipped by hand", by_hand=True): (
        "skipped  a.faa: skipped by hand"
    ),
    SkipEvent(8, 0.0, *UNIT, "cuda:1", "skipped by hand"): (
        "skipped  cuda:1  a.faa: skipped by hand"
    ),
    RetryEvent(9, 0.0, *UNIT, "cuda:1"): "retry    cuda:1  a.faa: waits again, by hand",
    ReturnEvent(10, 0.0, *UNIT, "cuda:1", 1, ReturnCause.WORKER_DIED, "killed by SIGKILL"): (
        "returned cuda:1  a.faa: killed by SIGKILL"
    ),
    UnbundleEvent(11, 0.0, *UNIT, "cuda:1", 1, tuple(range(12)), "killed by SIGKILL"): (
        "returned cuda:1  a.faa: too many workers died with this bundle, "
        "so its 12 files wait one by one (killed by SIGKILL)"
    ),
    DeviceEvent(12, 0.0, "cuda:1", DeviceState.DEAD, "killed by SIGKILL"): (
        "device   cuda:1  dead: killed by SIGKILL"
    ),
    DeviceEvent(13, 0.0, "cuda:1", DeviceState.IDLE, "model loaded"): (
        "device   cuda:1  idle: model loaded"
    ),
    SettingEvent(14, 0.0, "steal if ≥ 2 s saved"): "setting  steal if ≥ 2 s saved",
    WarningEvent(15, 0.0, Notice("unknown card")): "warning  unknown card",
    WarningEvent(16, 0.0, Notice("empty: 2 in 1 file", examples=EMPTY_ONES)): (
        "warning  empty: 2 in 1 file (a.faa line 3: P1; a.faa line 9: P2)"
    ),
    AddedEvent(21, 0.0, 12, 2, 2, "2 files: b.faa, c.faa"): "added    2 files: b.faa, c.faa",
    AssignmentEvent(20, 0.0, (("cuda:1", b"\4\0\0\0"),)): "",
    LeaseEvent(17, 0.0, *UNIT, "cuda:1", 1): "",
    PartEvent(18, 0.0, *UNIT, "cuda:1", 1, 3, 300, 1e9, 0.5): "",
    DoneEvent(19, 0.0, *UNIT, "cuda:1", 1, 2.0): "",
}
"""One event of every kind, and of each way to put it, with its line."""
