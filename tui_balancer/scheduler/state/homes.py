"""The device for which each unit waits, by the number of the unit."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, MutableMapping, Sequence


class Homes(MutableMapping[int, str]):
    """A dictionary in two bytes a unit; one of Python takes fifty."""

    __slots__ = ("_devices", "_length", "_numbers", "_places")

    def __init__(self) -> None:
        # Of each unit the number of its device, from 1; 0 for those that do not wait.
        self._places = array("H")
        self._devices = [""]
        self._numbers: dict[str, int] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        return (unit_id for unit_id, place in enumerate(self._places) if place)

    def __contains__(self, unit_id: object) -> bool:
        if not isinstance(unit_id, int) or not 0 <= unit_id < len(self._places):
            return False
        return self._places[unit_id] > 0

    def __getitem__(self, unit_id: int) -> str:
        places = self._places
        place = places[unit_id] if 0 <= unit_id < len(places) else 0
        if not place:
            raise KeyError(unit_id)
        return self._devices[place]

    def __setitem__(self, unit_id: int, device: str) -> None:
        number = self._numbers.get(device) or self._new_number(device)
        places = self._places
        if unit_id >= len(places):
            self._make_room(unit_id)
        self._length += not places[unit_id]
        places[unit_id] = number

    def put(self, unit_ids: Collection[int], device: str) -> None:
        """Note that many units wait for a device, each of which is named once."""
        number = self._numbers.get(device) or self._new_number(device)
        places = self._places
        self._make_room(max(unit_ids, default=-1))
        self._length += sum([not places[unit_id] for unit_id in unit_ids])
        for unit_id in unit_ids:
            places[unit_id] = number

    def of(self, unit_ids: Sequence[int]) -> list[str]:
        """Return the device of each unit; empty for those that wait for none, or not at all."""
        places, devices = self._places, self._devices
        if unit_ids and (min(unit_ids) < 0 or max(unit_ids) >= len(places)):
            return [self.get(unit_id, "") for unit_id in unit_ids]
        return [devices[places[unit_id]] for unit_id in unit_ids]

    def __delitem__(self, unit_id: int) -> None:
        if not (0 <= unit_id < len(self._places) and self._places[unit_id]):
            raise KeyError(unit_id)
        self._length -= 1
        self._places[unit_id] = 0

    def remove(self, unit_ids: Collection[int]) -> None:
        """Note that units, which waited, do not any more."""
        self._length -= len(unit_ids)
        for unit_id in unit_ids:
            self._places[unit_id] = 0

    def _new_number(self, device: str) -> int:
        self._numbers[device] = len(self._devices)
        self._devices.append(device)
        return self._numbers[device]

    def _make_room(self, last: int) -> None:
        missing = last + 1 - len(self._places)
        if missing > 0:
            self._places.frombytes(bytes(self._places.itemsize * missing))
