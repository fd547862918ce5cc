"""The names of devices: the only place that says what the parts of a name mean.

`cuda:0` is a card with one worker, `cuda:0/1` the second of several workers on that card. `cpu:2`
is the third worker on the processor. On a cluster the node comes first: `node-1/cuda:0/1`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MOST_CARD_WORKERS: Final = 64
"""Maximum workers of a card: more than any card has memory for."""

_PARTS: Final = re.compile(
    r"(?:(?P<node>.+?)/)??(?:(?P<card>cuda:\d+)/(?P<slot>\d+)|(?P<other>[^/]*))", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A device's name in its parts.

    Attributes:
        node: Its node; empty for this machine.
        place: What torch may have to compute on, on that node: `cuda:0`, `mps`, `cpu:2`.
        slot: Which of the workers of its card, from 0; None for an only one.
    """

    node: str
    place: str
    slot: int | None = None

    @property
    def kind(self) -> str:
        """The kind of device: `cuda`, `mps` or `cpu`."""
        return self.place.partition(":")[0]

    @property
    def card(self) -> str:
        """The name of its card, with the node: the same for all workers of the card."""
        return f"{self.node}/{self.place}" if self.node else self.place

    @property
    def on_node(self) -> str:
        """The name without the node: `cuda:0/1`."""
        return self.place if self.slot is None else f"{self.place}/{self.slot}"


@lru_cache(maxsize=4096)
def device_name(device: str) -> DeviceName:
    """Return the parts of a name; any text has some."""
    found = _PARTS.fullmatch(device)
    if found is None:
        return DeviceName("", device)
    if found["card"] is None:
        return DeviceName(found["node"] or "", found["other"])
    return DeviceName(found["node"] or "", found["card"], int(found["slot"]))


def card_workers(devices: Iterable[str]) -> dict[str, int]:
    """Return for each of some devices how many of them are on its card, itself included."""
    cards = {one: device_name(one).card for one in devices}
    workers = Counter(cards.values())
    return {one: workers[card] for one, card in cards.items()}
