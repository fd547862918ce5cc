"""How many workers a card has: as asked for, as `bench` measured, or by a rule; and if they fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from tui_balancer.cache import read_cached, write_cached
from tui_balancer.device_names import MOST_CARD_WORKERS, card_workers, device_name
from tui_balancer.devices.selection import SelectedDevice, WorkersPerGpu
from tui_balancer.devices.sharing import with_workers
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.formatting import memory, plural, quantity
from tui_balancer.run.prepare.batch_size import shared_worker_bytes
from tui_balancer.run.prepare.learned_rates import RateKey, rate_key
from tui_balancer.run_folder.settings_json import Embedded

COMPARED: Final = (1, 2, 4)
"""Workers of a card that `bench` compares."""

WORTHWHILE: Final = 1.05
"""A further worker takes memory and loads the model once more; it must bring so many times the
speed."""

SMALL_WEIGHTS: Final = 50_000_000
"""Up to so many weights, `auto` gives a card `SMALL_WORKERS` until `bench` has measured it.

An assumption: the layers of such a model are short, so that starting their kernels, and the reading
and writing of the worker, take a large part of its time."""

SMALL_WORKERS: Final = 2

FILE_NAME: Final = "card-workers.json"
KEPT: Final = 200
"""Maximum number of stored comparisons; the oldest are dropped."""

_log = logging.getLogger(__name__)


class Comparison(RateKey, frozen=True):
    """What `bench` measured on a kind of card.

    Attributes:
        speeds: FLOP/s of all workers of a card together, by their number.
    """

    speeds: dict[int, float]


def fastest(speeds: Mapping[int, float]) -> int:
    """Return the number of workers that suits a card: the least that is about as fast as any.

    Args:
        speeds: See `Comparison`; not empty.
    """
    best = max(speeds.values())
    return min(workers for workers, speed in speeds.items() if speed * WORTHWHILE > best)


def remember_comparison(key: RateKey, speeds: Mapping[int, float]) -> None:
    """Store what `bench` measured for `auto` of later runs; write errors are only logged."""
    others = [one for one in _comparisons() if RateKey(one.device, one.model, one.precision) != key]
    new = Comparison(key.device, key.model, key.precision, dict(speeds))
    try:
        write_cached(FILE_NAME, msgspec.json.encode([*others, new][-KEPT:]))
    except OSError as problem:
        _log.info("the comparison is not kept: %s", problem)


def share_cards(
    devices: Sequence[SelectedDevice], asked: WorkersPerGpu, models: Sequence[Embedded]
) -> tuple[tuple[SelectedDevice, ...], tuple[str, ...]]:
    """Return the devices with the workers of each card, and what `auto` decided, as lines.

    Args:
        devices: As selected, a card once.
        asked: `--workers-per-gpu`.
        models: Of the run.

    Raises:
        UserError: A card has not enough memory for so many workers.
    """
    if isinstance(asked, int):
        number = asked
        chosen = with_workers(devices, lambda _: number)
        require_room(chosen, models)
        return chosen, ()
    decide = partial(_automatic, models=models)
    reasons: dict[str, list[str]] = {}
    for one in devices:
        if one.kind == "cuda" and device_name(one.device).slot is None:
            choice = decide(one)
            words = f"{plural(choice.workers, 'worker')}, {choice.reason}"
            reasons.setdefault(words, []).append(one.device)
    lines = (f"{', '.join(cards)}: {words}" for words, cards in reasons.items())
    return with_workers(devices, lambda card: decide(card).workers), tuple(
        f"--workers-per-gpu auto: {line}" for line in lines
    )


def require_room(devices: Sequence[SelectedDevice], models: Sequence[Embedded]) -> None:
    """Check that every card with several workers has the memory for them.

    Each has its own weights, and batches are as large as those of a worker alone.

    Args:
        devices: All workers of the run.
        models: Of the run; a worker has one at a time.

    Raises:
        UserError: One has not.
    """
    workers = card_workers(one.device for one in devices)
    for one in devices:
        most = max(1, most_workers(one, models))
        if workers[one.device] > most:
            raise UserError(
                f"{device_name(one.device).card} ({one.name}) has {memory(one.memory_total)}, and "
                f"each of its {workers[one.device]} workers needs {memory(_needed(models))}: "
                f"choose {plural(most, 'worker')} at most"
            )


def most_workers(card: SelectedDevice, models: Sequence[Embedded]) -> int:
    """Return how many workers a card has memory for."""
    if card.kind != "cuda" or card.memory_total is None:
        return MOST_CARD_WORKERS
    return card.memory_total // _needed(models)


@dataclass(frozen=True, slots=True)
class _Choice:
    workers: int
    reason: str


def _automatic(card: SelectedDevice, models: Sequence[Embedded]) -> _Choice:
    """Return how many workers suit a card; of several models, those that need the fewest decide."""
    choice = min((_suitable(card, *model) for model in models), key=lambda one: one.workers)
    most = max(1, most_workers(card, models))
    if choice.workers <= most:
        return choice
    return _Choice(most, f"as many as fit into its {memory(card.memory_total)}")


def _suitable(card: SelectedDevice, source: ModelSource, embedding: EmbeddingSettings) -> _Choice:
    """Return how many workers suit a card with a model, if its memory is large enough."""
    if speeds := _measured(rate_key(card, source.name, embedding.precision)):
        workers = fastest(speeds)
        if workers == 1:
            return _Choice(1, "more are no faster, as `tui-balancer bench` measured")
        times = speeds[workers] / speeds[min(speeds)]
        return _Choice(
            workers, f"{times:.2f} times as fast as one, as `tui-balancer bench` measured"
        )
    weights = source.shape.weights
    size = f"the model has {quantity(weights)} weights"
    bench = "`tui-balancer bench` with this model measures it"
    if weights <= SMALL_WEIGHTS:
        return _Choice(SMALL_WORKERS, f"assumed, as {size}; {bench}")
    return _Choice(1, f"assumed, as {size}; {bench}")


def _measured(key: RateKey) -> dict[int, float]:
    """Return what `bench` measured; empty if it has not."""
    known = {RateKey(one.device, one.model, one.precision): one.speeds for one in _comparisons()}
    return known.get(key, {})


def _comparisons() -> list[Comparison]:
    """Return the stored comparisons, oldest first; none from an invalid file."""
    return read_cached(FILE_NAME, list[Comparison]) or []


def _needed(models: Sequence[Embedded]) -> int:
    return max(
        shared_worker_bytes(source.shape, embedding.precision, embedding.batch_tokens)
        for source, embedding in models
    )
