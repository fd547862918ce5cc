"""Rates of earlier runs: kept, read back, and never in the way of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.balance import Clock, units
from tui_balancer.cache import CACHE_VARIABLE, cache_folder
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.run.prepare.learned_rates import (
    FILE_NAME,
    RateKey,
    learned_words,
    load_rates,
    remember,
    save_rates,
    with_rates,
)
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import DeviceSpec, TimeSettings
from tui_balancer.scheduler.policy.assignment import assign_files_weighted

CARDS = tuple(SelectedDevice(f"cuda:{n}", "A Card", 1 << 30) for n in range(3))
SPECS = tuple(DeviceSpec(card.device, card.name, 1.0) for card in CARDS)
KEY = RateKey("A Card", "esm2", "fp16")


@pytest.fixture(autouse=True)
def _no_cache_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def test_the_next_run_of_a_model_begins_with_the_rate_of_the_last() -> None:
    remember({"cuda:0": 10.0, "cuda:1": 30.0, "cuda:2": 14.0}, CARDS, "esm2", "fp16")
    assert [spec.rate for spec in with_rates(SPECS, CARDS, [("esm2", "fp16")])] == [14.0] * 3
    assert [spec.rate for spec in with_rates(SPECS, CARDS, [("esm2", "fp32")])] == [None] * 3
    assert [spec.rate for spec in with_rates(SPECS, CARDS, [("other", "fp16")])] == [None] * 3


def test_processor_workers_of_other_thread_counts_are_another_kind() -> None:
    one, four = (SelectedDevice("cpu:0", "A CPU", None, threads=threads) for threads in (1, 4))
    remember({"cpu:0": 5.0}, (four,), "esm2", "fp32")
    assert "5FLOP/s, esm2, fp32" in learned_words(four, load_rates())
    assert learned_words(one, load_rates()) == "–"


def test_a_worker_that_shares_its_card_is_another_kind() -> None:
    workers = tuple(replace(CARDS[0], device=f"cuda:0/{slot}") for slot in range(2))
    specs = tuple(DeviceSpec(one.device, one.name, 1.0) for one in workers)
    remember({"cuda:0/0": 6.0, "cuda:0/1": 7.0}, workers, "esm2", "fp16")
    models = [("esm2", "fp16")]
    assert [one.rate for one in with_rates(specs, workers, models)] == [6.5, 6.5]
    assert [one.rate for one in with_rates(SPECS, CARDS, models)] == [None] * 3
    (late,) = with_rates(specs[1:], workers[1:], models, workers)
    assert late.rate == 6.5
    assert "6.50FLOP/s" in learned_words(workers[0], load_rates(), workers=2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00",
        b"{}",
        b"[1, null, []]",
        b"[" * 100_000,
        json.dumps([{"device": "A Card", "model": "esm2", "precision": "fp16"}]).encode(),
        b'[{"device": "A Card", "model": "esm2", "precision": 16, "flops_per_second": 1.0}]',
        b'[{"device": "A Card", "model": "esm2", "precision": "fp16", "flops_per_second": NaN}]',
        b'[{"device": "A Card", "model": "esm2", "precision": "fp16", "flops_per_second": -1.0}]',
    ],
)
def test_a_cache_that_cannot_be_understood_is_as_good_as_none(content: bytes) -> None:
    cache_folder().mkdir(parents=True)
    (cache_folder() / FILE_NAME).write_bytes(content)
    assert load_rates() == {}
    save_rates({KEY: 7.0})
    assert load_rates() == {KEY: 7.0}


def test_a_cache_that_cannot_be_written_costs_nothing() -> None:
    cache_folder().parent.mkdir(parents=True, exist_ok=True)
    cache_folder().write_text("in the way")
    save_rates({KEY: 7.0})
    assert load_rates() == {}


def test_a_new_measurement_replaces_the_old_one_and_leaves_nothing_behind() -> None:
    save_rates({KEY: 7.0})
    save_rates({RateKey("Another", "esm2", "fp16"): 1.0})
    save_rates({KEY: 8.0})
    assert list(load_rates().values()) == [1.0, 8.0]
    assert [path.name for path in cache_folder().iterdir()] == [FILE_NAME]


def test_known_rates_outweigh_the_table_and_put_the_others_on_their_scale() -> None:
    devices = [
        DeviceSpec("cuda:0", "card", 1.0, rate=400.0),
        DeviceSpec("cuda:1", "card", 2.0, rate=100.0),
        DeviceSpec("cuda:2", "card", 1.0),
    ]
    shares = assign_files_weighted(units(*[1.0] * 290), devices)
    # The scales are 400 and 50; their median gives the unknown one 225.
    sizes = [len(shares[device.device]) for device in devices]
    assert sizes == pytest.approx([160, 40, 90], abs=1)


def test_a_coordinator_knows_the_end_of_a_known_device_before_anything_was_measured() -> None:
    coordinator = WorkStealingCoordinator(
        [DeviceSpec("cuda:0", "card", 1.0, rate=10.0)], policy=TimeSettings(), clock=Clock()
    )
    coordinator.assign(units(50.0, 50.0))
    assert coordinator.snapshot().eta_seconds == pytest.approx(10.0)
