"""The device for which each unit waits, by the number of the unit."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, MutableMapping


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
        if unit_id not in self:
            raise KeyError(unit_id)
        return self._devices[self._places[unit_id]]

    def __setitem__(self, unit_id: int, device: str) -> None:
        number = self._numbers.get(device)
        if number is None:
            number = self._numbers[device] = len(self._devices)
            self._devices.append(device)
        places = self._places
        if unit_id >= len(places):
            places.frombytes(bytes(places.itemsize * (unit_id + 1 - len(places))))
        self._length += not places[unit_id]
        places[unit_id] = number

    def __delitem__(self, unit_id: int) -> None:
        if unit_id not in self:
            raise KeyError(unit_id)
        self._length -= 1
        self._places[unit_id] = 0
