"""Work that an earlier attempt did counts as done, and not as speed."""

from __future__ import annotations

import pytest

from tui_balancer.leases import Progress
from tui_balancer.scheduler.model import DeviceSpec, Lease, Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease

UNIT = Unit(0, "large", sequences=100, residues=10_000, cost=1e12)


def test_restored_batches_move_the_progress_but_no_rate() -> None:
    record = DeviceRecord(DeviceSpec("cpu:0", "a CPU", 1.0), 0)
    active = ActiveLease(Lease(UNIT, "cpu:0", 2), 1, granted=0.0, left=UNIT.cost)
    record.started(active, 0.0)
    record.advance(active, Progress(90, 9_000, 9e11, restored=True), 1.0)
    assert active.progress.cost == 9e11
    assert record.pace.rate is None

    record.advance(active, Progress(95, 9_500, 9.5e11), 2.0)
    assert record.pace.rate == pytest.approx(5e10)
    row = record.metrics(2.0, record.pace.rate, 0.0, 0)
    assert row.running is not None
    assert row.running.fraction == pytest.approx(0.95)
    # 5 sequences in the two seconds of the window, not 95.
    assert row.sequences_per_second == pytest.approx(2.5)
