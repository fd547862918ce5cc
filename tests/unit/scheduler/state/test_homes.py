"""The devices of units are a dictionary, in less memory."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.scheduler.state.homes import Homes

STEPS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["", "cuda:0", "cuda:1", None])))


@given(STEPS)
def test_homes_are_like_a_dictionary(steps: list[tuple[int, str | None]]) -> None:
    """None removes a unit."""
    homes, model = Homes(), dict[int, str]()
    for unit_id, device in steps:
        if device is not None:
            homes[unit_id] = model[unit_id] = device
        elif unit_id in model:
            del homes[unit_id], model[unit_id]
        else:
            with pytest.raises(KeyError):
                del homes[unit_id]
        assert dict(homes) == model
        assert len(homes) == len(model)
        assert [homes.get(one) for one in range(-1, 12)] == [
            model.get(one) for one in range(-1, 12)
        ]
        assert homes.of(list(range(-1, 12))) == [model.get(one, "") for one in range(-1, 12)]
    assert None not in homes


@given(STEPS)
def test_many_units_at_once_are_like_one_by_one(steps: list[tuple[int, str | None]]) -> None:
    homes, singly = Homes(), Homes()
    for first, device in steps:
        chosen = range(first, first + 3)
        if device is not None:
            homes.put(chosen, device)
            singly.update(dict.fromkeys(chosen, device))
        else:
            waiting = [one for one in chosen if one in singly]
            homes.remove(waiting)
            for one in waiting:
                del singly[one]
        assert (dict(homes), len(homes)) == (dict(singly), len(singly))


def test_a_unit_takes_two_bytes() -> None:
    homes = Homes()
    homes.update((number, f"cuda:{number % 1024}") for number in range(100_000))
    assert sys.getsizeof(homes._places) < 2.5 * 100_000
