"""Names of devices: whatever stands in them, there is one reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.device_names import DeviceName, card_workers, device_name

nodes = st.from_regex(r"[a-z0-9.-]+", fullmatch=True)
places = st.sampled_from(["cuda:0", "cuda:1", "cuda:12", "mps", "cpu:0", "cpu:3"])


@pytest.mark.parametrize(
    ("name", "parts", "kind"),
    [
        ("cuda:0", DeviceName("", "cuda:0"), "cuda"),
        ("cuda:0/1", DeviceName("", "cuda:0", 1), "cuda"),
        ("node-1/cuda:0/12", DeviceName("node-1", "cuda:0", 12), "cuda"),
        ("node-1/cuda:0", DeviceName("node-1", "cuda:0"), "cuda"),
        ("mps", DeviceName("", "mps"), "mps"),
        ("n/cpu:3", DeviceName("n", "cpu:3"), "cpu"),
        ("a device", DeviceName("", "a device"), "a device"),
    ],
)
def test_a_name_has_a_node_a_place_and_a_slot(name: str, parts: DeviceName, kind: str) -> None:
    assert device_name(name) == parts
    assert device_name(name).kind == kind


@given(nodes, places, st.none() | st.integers(0, 63))
def test_a_name_is_read_as_it_was_made(node: str, place: str, slot: int | None) -> None:
    slot = slot if place.startswith("cuda") else None
    made = DeviceName(node, place, slot)
    assert device_name(f"{node}/{made.on_node}") == made
    assert device_name(made.on_node) == DeviceName("", place, slot)
    assert device_name(made.card) == DeviceName(node, place)


def test_the_workers_of_a_card_are_counted_for_each() -> None:
    names = ("cuda:0/0", "cuda:0/1", "cuda:1", "a/cuda:0", "b/cuda:0/0", "cpu:0", "cpu:1", "cuda:0")
    assert card_workers(names) == {
        **dict.fromkeys(("cuda:0/0", "cuda:0/1", "cuda:0"), 3),
        **dict.fromkeys(("cuda:1", "a/cuda:0", "b/cuda:0/0", "cpu:0", "cpu:1"), 1),
    }
