"""Units in their order as bytes are the same units again."""

from __future__ import annotations

import pytest

from tests.support.balance import bundle, unit
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.unit_order import (
    file_numbers,
    files_by_unit,
    first_numbers,
    queue_order,
)


@pytest.mark.parametrize(
    "units",
    [
        [],
        [unit(5, 1.0), unit(0, 1.0)],
        [unit(9, 1.0), bundle(3, 1.0, 1.0, 1.0), unit(0, 1.0), bundle(6, 1.0, 1.0)],
    ],
)
def test_files_are_read_back_by_unit(units: list[Unit]) -> None:
    order = queue_order(units)
    assert first_numbers(order) == [one.unit_id for one in units]
    assert files_by_unit(order) == [one.numbers for one in units]
    assert file_numbers(order) == [number for one in units for number in one.numbers]
