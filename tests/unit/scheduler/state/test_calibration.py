"""Predictions of how long files take, on what a real worker measured."""

from __future__ import annotations

import random
from statistics import median, quantiles

import pytest

from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.calibration import Calibration

# Sequences, residues, GFLOPs and seconds of files of an untrained ESM-2 8M on one thread of an AMD
# EPYC, whose sequences were some 40, 120, 250, 500 or 950 residues long.
RECORDED = [
    (90, 80791, 1769.3, 20.75), (88, 80273, 1766.1, 19.20), (154, 80055, 1536.4, 15.87),
    (157, 80268, 1532.8, 14.56), (311, 80077, 1364.6, 11.56), (316, 80159, 1364.0, 11.77),
    (634, 80099, 1287.4, 10.58), (1922, 80037, 1267.3, 9.46), (1932, 80015, 1267.2, 9.66),
    (1908, 80024, 1267.0, 10.10), (1899, 80016, 1266.9, 9.37), (44, 40750, 898.9, 8.66),
    (47, 40251, 870.8, 8.61), (76, 40018, 769.6, 7.79), (81, 40130, 761.6, 7.42),
    (147, 40220, 690.6, 5.96), (150, 40138, 687.6, 6.09), (149, 40057, 686.4, 5.79),
    (316, 40062, 644.1, 5.01), (323, 40101, 644.1, 5.08), (322, 40020, 643.2, 5.13),
    (334, 40023, 641.6, 5.01), (970, 40030, 634.0, 4.81), (981, 40018, 634.0, 4.89),
    (969, 40017, 633.8, 4.68), (961, 40018, 633.7, 4.68), (956, 40012, 633.4, 4.86),
    (949, 40003, 633.2, 4.71), (23, 20562, 448.8, 4.55), (39, 20156, 387.3, 3.82),
    (76, 20313, 348.6, 3.19), (75, 20229, 346.3, 3.05), (74, 20130, 345.9, 3.07),
    (79, 20156, 341.9, 3.08), (80, 20070, 341.5, 3.02), (170, 20020, 320.9, 2.64),
]  # fmt: skip


def errors(rows: list[tuple[int, int, float, float]], *, calibrated: bool) -> list[float]:
    """Return the relative errors of predictions, each made before the file was known."""
    calibration = Calibration()
    seen: list[float] = []
    found: list[float] = []
    for number, (sequences, residues, gflops, seconds) in enumerate(rows):
        file = Unit(number, f"{number}.faa", sequences, residues, gflops)
        rate = median(seen[-3:]) if seen else gflops / seconds
        predicted = calibration.predict(file, rate) if calibrated else gflops / rate
        if seen:
            found.append(abs(predicted / seconds - 1))
        calibration.learn(file, rate, seconds)
        seen.append(gflops / seconds)
    return found


@pytest.mark.parametrize("seed", [None, 0, 1, 2, 3])
def test_files_of_other_lengths_are_predicted_better_by_those_before(seed: int | None) -> None:
    rows = list(RECORDED)
    if seed is not None:
        random.Random(seed).shuffle(rows)
    plain, calibrated = errors(rows, calibrated=False), errors(rows, calibrated=True)
    assert median(calibrated) < 0.7 * median(plain)
    assert quantiles(calibrated, n=20)[-1] < quantiles(plain, n=20)[-1]


@pytest.mark.parametrize("seed", range(5))
def test_where_length_tells_nothing_predictions_are_not_worse(seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for number in range(60):
        gflops = rng.lognormvariate(3, 1)
        # Throttled to a third after half of the files.
        rate = 100.0 if number < 30 else 33.0
        seconds = gflops / rate * rng.lognormvariate(0, 0.05)
        rows.append((10, rng.randint(1000, 9000), gflops, seconds))
    plain, calibrated = errors(rows, calibrated=False), errors(rows, calibrated=True)
    assert median(calibrated) <= 1.1 * median(plain)
    assert sum(calibrated) <= 1.1 * sum(plain)


def test_files_of_one_kind_are_predicted_by_the_rate() -> None:
    calibration = Calibration()
    for number in range(10):
        calibration.learn(Unit(number, "a", 1, 100, 10.0), 5.0, 2.0)
    assert calibration.predict(Unit(11, "a", 1, 100, 10.0), 4.0) == 2.5


def test_a_file_full_of_copies_costs_nothing_and_takes_no_time() -> None:
    calibration = Calibration()
    for number, residues in enumerate((1000, 9000, 2000, 8000, 3000, 7000)):
        file = Unit(number, f"{number}.faa", 10, residues, 1000.0 * (number + 1))
        calibration.learn(file, 100.0, file.cost / 100.0 + residues / 100.0)
    assert calibration.predict(Unit(98, "own.faa", 10, 1000, 1000.0), 100.0) > 15.0
    assert calibration.predict(Unit(99, "copies.faa", 10, 1000, 0.0), 100.0) == 0.0
