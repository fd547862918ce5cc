"""Who is taken for hanging, after how long, and who may be silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from msgspec.structs import replace as with_fields

from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.run.live.watchdog import LOADING_SECONDS, Deadlines, Watchdog, largest_batch_cost
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, RunningUnit, Unit

SHAPE = MODELS["esm2_t33_650M_UR50D"]
SETTINGS = EmbeddingSettings(batch_tokens=4096, max_length=1022)
DEADLINES = Deadlines(300.0, [(SHAPE, SETTINGS)], {"cpu:0": 1e12})
HUGE = Unit(7, "huge", sequences=100_000, residues=30_000_000, cost=1e18)
PIDS = {"cpu:0": 11}
TINY = Unit(8, "tiny", sequences=1, residues=100, cost=1e9)


def busy(unit: Unit = TINY, fraction: float = 0.0, rate: float | None = None) -> DeviceMetrics:
    running = RunningUnit(unit, epoch=1, fraction=fraction, seconds=0.0)
    return DeviceMetrics(
        "cpu:0", "a CPU", DeviceState.BUSY, 1.0, flops_per_second=rate, running=running
    )


def device(state: DeviceState) -> DeviceMetrics:
    return DeviceMetrics("cpu:0", "a CPU", state, 1.0)


@dataclass
class Watched:
    """A watch, whose clock moves by a second a look.

    Attributes:
        killed: Reasons, in order.
    """

    now: float = 0.0
    killed: list[tuple[str, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = Watchdog(DEADLINES, lambda *how: self.killed.append(how), lambda: self.now)

    def look(
        self,
        row: DeviceMetrics,
        seconds: int = 1,
        pids: Mapping[str, int] = PIDS,
        asked: int = 0,
    ) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.watch.check(pids, [row], {"cpu:0": asked})


def test_the_largest_batch_is_full_of_the_longest_sequences() -> None:
    full = EmbeddingSettings(batch_tokens=4096, max_length=1022)
    assert largest_batch_cost(SHAPE, full) == SHAPE.flops(4 * 1024, 4 * 1024**2)


def test_a_sequence_longer_than_a_batch_is_the_largest_batch() -> None:
    long = EmbeddingSettings(batch_tokens=100, max_length=998)
    assert largest_batch_cost(SHAPE, long) == SHAPE.flops(1000, 1000**2)


def test_unknown_bases_which_are_a_token_each_are_no_hang() -> None:
    shape, bases = MODELS["DNABERT-S"], 10_000
    settings = EmbeddingSettings(batch_tokens=2048, max_length=bases)
    estimated, real = shape.sequence_flops(bases), shape.flops(bases + 2, (bases + 2) ** 2)
    assert real > 9 * estimated
    unknown = Unit(9, "gap", sequences=1, residues=bases, cost=estimated)
    deadline = Deadlines(1.0, [(shape, settings)], {"cpu:0": 1e9}).of(busy(unknown, rate=1e9))
    assert deadline is not None
    assert deadline > 10 * real / 1e9


def test_no_deadline_is_below_the_floor() -> None:
    assert DEADLINES.of(busy(TINY, rate=1e15)) == 300.0


def test_the_deadline_follows_from_the_largest_batch_and_the_measured_rate() -> None:
    batch = largest_batch_cost(SHAPE, SETTINGS)
    slow, slower = (DEADLINES.of(busy(HUGE, rate=rate)) for rate in (1e10, 1e9))
    assert slow is not None
    assert slower is not None
    assert slower - slow == pytest.approx(10 * batch * (1e-9 - 1e-10))
    assert slow > 10 * batch / 1e10


def test_a_file_smaller_than_a_batch_is_not_given_a_batchs_time() -> None:
    small = with_fields(TINY, cost=1e12)
    assert DEADLINES.of(busy(small, rate=1e10)) == pytest.approx(1000, rel=0.01)


def test_before_anything_was_measured_the_assumed_rate_counts() -> None:
    assert DEADLINES.of(busy(HUGE)) == DEADLINES.of(busy(HUGE, rate=1e12))


def test_a_large_output_has_time_to_be_written_on_a_slow_disk() -> None:
    large = with_fields(TINY, sequences=2_000_000)
    deadline = DEADLINES.of(busy(large))
    assert deadline is not None
    assert deadline >= 2 * (2_000_000 * 1280 * 4) / 5e6


def test_whoever_is_held_or_gone_may_be_silent() -> None:
    for state in (DeviceState.PAUSED, DeviceState.DEAD, DeviceState.STOPPED):
        assert DEADLINES.of(device(state)) is None


def test_a_silent_worker_is_killed_after_its_deadline_and_not_before() -> None:
    watched = Watched()
    watched.look(busy(), seconds=301)
    assert watched.killed == []
    watched.look(busy())
    assert watched.killed == [("cpu:0", 11, "no progress for 5m 01s")]


def test_a_worker_that_does_not_die_is_not_killed_at_every_look() -> None:
    watched = Watched()
    watched.look(busy(), seconds=601)
    assert len(watched.killed) == 1


@pytest.mark.parametrize(
    "sign",
    [
        busy(fraction=0.1),
        busy(with_fields(TINY, unit_id=9)),
        replace(busy(), running=RunningUnit(TINY, epoch=2, fraction=0.0, seconds=0.0)),
        device(DeviceState.PAUSED),
    ],
)
def test_any_sign_of_life_starts_the_count_anew(sign: DeviceMetrics) -> None:
    watched = Watched()
    watched.look(busy(), seconds=300)
    watched.look(sign)
    watched.look(busy(), seconds=300)
    assert watched.killed == []


def test_time_alone_is_no_sign_of_life() -> None:
    watched = Watched()
    for second in range(303):
        row = busy(rate=1e12 / (second + 1))
        assert row.running is not None
        watched.look(replace(row, running=replace(row.running, seconds=float(second))))
    assert len(watched.killed) == 1


def test_another_process_starts_with_a_clean_slate() -> None:
    watched = Watched()
    watched.look(busy(), seconds=300)
    watched.look(busy(), seconds=300, pids={"cpu:0": 12})
    assert watched.killed == []


def test_nobody_is_killed_where_there_is_no_process() -> None:
    watched = Watched()
    watched.look(busy(), seconds=400, pids={})
    assert watched.killed == []


def test_loading_a_model_has_a_time_of_its_own() -> None:
    watched = Watched()
    watched.look(device(DeviceState.STARTING), seconds=int(LOADING_SECONDS) + 1)
    assert watched.killed == []
    watched.look(device(DeviceState.STARTING))
    assert watched.killed == [("cpu:0", 11, "not ready after 1h 00m")]


def test_an_idle_worker_lives_as_long_as_it_asks_for_work() -> None:
    watched = Watched()
    for second in range(400):
        watched.look(device(DeviceState.IDLE), asked=second)
    assert watched.killed == []
    watched.look(device(DeviceState.IDLE), seconds=302, asked=400)
    assert watched.killed == [("cpu:0", 11, "did not ask for work for 5m 01s")]


def test_time_in_which_nobody_looked_is_held_against_nobody() -> None:
    watched = Watched()
    watched.look(busy())
    watched.now += 3600
    watched.look(busy(), seconds=290)
    assert watched.killed == []
    watched.look(busy(), seconds=10)
    assert len(watched.killed) == 1
