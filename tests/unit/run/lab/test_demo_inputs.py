"""The size of the demo: from measured rates, in steps, and the same files for the same size."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.cli.commands.demo import DEMO_SECONDS
from tui_balancer.run.lab.demo_inputs import SEQUENCES, DemoSize, suitable_size, write_inputs
from tui_balancer.view.handle import Step
from tui_balancer.workers.benchmark.messages import BUCKETS, Measurement

LONGEST = 1022
STEP = max(after / before for before, after in pairwise(SEQUENCES))


def measured(*rates: float) -> list[Measurement]:
    """Return measurements of devices that embed so many residues a second, whatever the length."""
    return [
        Measurement(f"device:{number}", "fp32", bucket, rate, 1e9, 1e9)
        for number, rate in enumerate(rates)
        for bucket in BUCKETS
    ]


def demo(*rates: float, seconds: float = DEMO_SECONDS) -> DemoSize:
    return suitable_size(measured(*rates), LONGEST, seconds)


@given(st.lists(st.floats(10, 5e6), min_size=1, max_size=8))
def test_it_takes_about_as_long_as_it_should_on_any_machine(rates: list[float]) -> None:
    size = demo(*rates)
    assert size.sequences in SEQUENCES
    slow, fast = size.sequences == SEQUENCES[0], size.sequences == SEQUENCES[-1]
    assert slow or size.seconds <= DEMO_SECONDS * STEP**0.5 * 1.001
    assert fast or size.seconds >= DEMO_SECONDS / STEP**0.5 / 1.001


def test_steps_are_small_enough_for_about_two_minutes() -> None:
    assert sorted(SEQUENCES) == list(SEQUENCES)
    assert STEP < 1.5


@pytest.mark.parametrize("rate", [7_000.0, 14_300.0])
def test_a_small_error_of_the_measurement_changes_little(rate: float) -> None:
    sizes = {demo(rate * error).sequences for error in (0.95, 1.0, 1.05)}
    assert max(sizes) / min(sizes) <= STEP


def test_the_estimate_is_the_work_over_the_rates() -> None:
    alone, together = demo(8_000.0), demo(4_000.0, 4_000.0)
    assert alone == together
    # A protein has about 250 residues.
    assert alone.seconds == pytest.approx(alone.sequences * 250 / 8_000, rel=0.1)


def test_long_proteins_count_by_their_own_rate() -> None:
    slower = [
        Measurement("cpu:0", "fp32", bucket, 8_000.0 / factor, 1e9, 1e9)
        for bucket, factor in zip(BUCKETS, (1, 1, 4), strict=True)
    ]
    assert suitable_size(slower, LONGEST, DEMO_SECONDS).sequences < demo(8_000.0).sequences


def test_gpus_get_the_largest_size_and_a_true_estimate() -> None:
    size = demo(*[4_800_000.0] * 8)
    assert size.sequences == SEQUENCES[-1]
    assert size.seconds < 10


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_size_has_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_inputs(tmp_path / name, DemoSize(100, 1.0), 0, lambda _: None)
    write_inputs(tmp_path / "larger", DemoSize(140, 1.0), 0, lambda _: None)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    assert contents(tmp_path / "one") != contents(tmp_path / "larger")


def test_files_that_were_written_in_part_are_no_inputs(tmp_path: Path) -> None:
    def cut_off(step: Step) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_inputs(tmp_path / "proteins", DemoSize(280, 1.0), 0, cut_off)
    assert not (tmp_path / "proteins").exists()
    write_inputs(tmp_path / "proteins", DemoSize(100, 1.0), 0, lambda _: None)
    write_inputs(tmp_path / "whole", DemoSize(100, 1.0), 0, lambda _: None)
    assert contents(tmp_path / "proteins") == contents(tmp_path / "whole")
