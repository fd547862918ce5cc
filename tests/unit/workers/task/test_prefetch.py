"""Batches given to a device before their turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
import torch

from tui_balancer.embedding.embedder import Embedder
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.task.prefetch import Prefetch


class Batch:
    """A batch that takes a second a sequence."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = sequences

    def vectors(self) -> torch.Tensor:
        return torch.tensor([[float(len(one))] for one in self._sequences])

    def seconds(self) -> float:
        return float(len(self._sequences))


class Device:
    """Stands in for a device and its model."""

    def __init__(self, *, computes_by_itself: bool = True) -> None:
        self.computes_by_itself = computes_by_itself
        self.begun: list[list[str]] = []
        self.full = False

    def begin(self, sequences: Sequence[str]) -> Batch:
        if self.full:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.begun.append(list(sequences))
        return Batch(sequences)

    def embed(self, sequences: Sequence[str]) -> torch.Tensor:
        return self.begin(sequences).vectors()


ONE, TWO, THREE = ["MKV", "M"], ["MK"], ["MKVL"]


def flight_of(device: Device, busy: BusyClock | None = None) -> Prefetch:
    return Prefetch(cast(Embedder, device), busy or BusyClock())


def test_the_next_batch_begins_before_the_one_before_is_waited_for() -> None:
    device = Device()
    flight = flight_of(device)
    flight.have(ONE, TWO)
    assert device.begun == [ONE, TWO]
    assert flight.embed(ONE).tolist() == [[3.0], [1.0]]
    flight.have(TWO, THREE)
    assert flight.embed(TWO).tolist() == [[2.0]]
    assert device.begun == [ONE, TWO, THREE]


def test_what_somebody_else_computes_now_is_dropped() -> None:
    device = Device()
    flight = flight_of(device)
    flight.have(ONE, TWO)
    flight.embed(ONE)
    flight.have(THREE)
    assert flight.embed(THREE).tolist() == [[4.0]]
    flight.have(TWO)
    assert device.begun == [ONE, TWO, THREE, TWO]


def test_a_batch_that_does_not_fit_yet_fails_at_its_turn_and_not_before() -> None:
    device = Device()
    flight = flight_of(device)
    flight.have(ONE)
    device.full = True
    flight.have(ONE, TWO)
    assert flight.embed(ONE).tolist() == [[3.0], [1.0]]
    with pytest.raises(torch.OutOfMemoryError):
        flight.embed(TWO)
    device.full = False
    assert flight.embed(TWO).tolist() == [[2.0]]


def test_the_device_itself_says_how_long_it_was_at_work() -> None:
    busy = BusyClock()
    flight = flight_of(Device(), busy)
    flight.have(ONE, TWO)
    flight.embed(ONE)
    assert busy.seconds() == 2
    flight.embed(TWO)
    assert busy.seconds() == 3


def test_a_processor_begins_nothing_before_its_turn() -> None:
    device = Device(computes_by_itself=False)
    flight = flight_of(device)
    flight.have(ONE, TWO)
    assert device.begun == []
    flight.embed(ONE)
    assert device.begun == [ONE]
