"""How many workers a card gets, and that nothing of the outputs depends on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.flat_settings import flat_settings
from tui_balancer.cache import write_cached
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import SelectedDevice, WorkersPerGpu
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.run.prepare import checking as module
from tui_balancer.run.prepare.batch_size import suitable_batch_tokens
from tui_balancer.run.prepare.card_workers import (
    FILE_NAME,
    fastest,
    most_workers,
    remember_comparison,
    share_cards,
)
from tui_balancer.run.prepare.devices import device_specs, late_spec
from tui_balancer.run.prepare.learned_rates import RateKey
from tui_balancer.run.prepare.prepare import PreparedRun, prepare
from tui_balancer.run_folder.settings_json import Embedded
from tui_balancer.workers.preflight.messages import PreflightReport

GIB = 1 << 30
SMALL, LARGE = "esm2_t6_8M_UR50D", "esm2_t33_650M_UR50D"
CARDS = tuple(SelectedDevice(f"cuda:{n}", "A Card", 24 * GIB, f"GPU-{n}", (8, 0)) for n in range(2))
EMBEDDING = EmbeddingSettings(batch_tokens=16384, precision="bf16")


def models(name: str = SMALL) -> list[Embedded]:
    return [(UntrainedModel(name, 0).source(), EMBEDDING)]


def names(asked: WorkersPerGpu, *of: Embedded) -> list[str]:
    devices, _ = share_cards(CARDS, asked, of or models())
    return [one.device for one in devices]


def test_every_card_has_as_many_workers_as_were_asked_for() -> None:
    assert names(1) == ["cuda:0", "cuda:1"]
    assert names(2) == ["cuda:0/0", "cuda:0/1", "cuda:1/0", "cuda:1/1"]


def test_what_does_not_fit_is_refused_and_what_fits_is_named() -> None:
    with pytest.raises(UserError) as refused:
        share_cards(CARDS, 64, models(LARGE))
    (line,) = str(refused.value).splitlines()
    start, _, fits = line.partition("choose ")
    assert start.startswith("cuda:0 (A Card) has 24.0 GiB, and each of its 64 workers needs ")
    number = int(fits.split()[0])
    share_cards(CARDS, number, models(LARGE))
    with pytest.raises(UserError):
        share_cards(CARDS, number + 1, models(LARGE))


def test_the_weights_count_once_for_each_worker_and_of_several_models_the_largest() -> None:
    card = replace(CARDS[0], memory_total=80 * GIB)
    both = [*models(), *models(LARGE)]
    assert most_workers(card, both) == most_workers(card, models(LARGE))
    weights = 2 * MODELS[LARGE].weights
    fewer = replace(card, memory_total=80 * GIB - weights)
    lost = most_workers(card, models(LARGE)) - most_workers(fewer, models(LARGE))
    assert 0 <= lost <= 1


@pytest.mark.parametrize(
    ("speeds", "number"),
    [
        ({1: 10.0, 2: 10.4, 4: 10.2}, 1),
        ({1: 10.0, 2: 14.0, 4: 14.5}, 2),
        ({1: 10.0, 2: 14.0, 4: 20.0}, 4),
        ({1: 10.0, 2: 9.0, 4: 8.0}, 1),
        ({2: 9.0}, 2),
    ],
)
def test_a_further_worker_must_be_worth_its_memory(speeds: dict[int, float], number: int) -> None:
    assert fastest(speeds) == number


def test_auto_takes_what_bench_measured_of_the_card_the_model_and_the_format() -> None:
    remember_comparison(RateKey("A Card", SMALL, "bf16"), {1: 10.0, 2: 15.0, 4: 22.0})
    remember_comparison(RateKey("A Card", SMALL, "fp32"), {1: 10.0, 2: 9.0, 4: 8.0})
    remember_comparison(RateKey("A Card", LARGE, "bf16"), {1: 10.0, 2: 10.1})
    assert names("auto") == [f"cuda:{card}/{slot}" for card in range(2) for slot in range(4)]
    _, lines = share_cards(CARDS, "auto", models())
    assert lines == (
        "--workers-per-gpu auto: cuda:0, cuda:1: 4 workers, 2.20 times as fast as one, as "
        "`tui-balancer bench` measured",
    )
    in_fp32 = [(source, replace(one, precision="fp32")) for source, one in models()]
    assert names("auto", *in_fp32) == ["cuda:0", "cuda:1"]
    assert names("auto", *models(), *models(LARGE)) == ["cuda:0", "cuda:1"]


def test_a_newer_measurement_replaces_an_older_one_and_a_broken_file_is_none() -> None:
    key = RateKey("A Card", SMALL, "bf16")
    remember_comparison(key, {1: 10.0, 4: 22.0})
    remember_comparison(key, {1: 10.0, 3: 22.0})
    assert len(names("auto")) == 6
    write_cached(FILE_NAME, b'[{"device": 1}]')
    assert len(names("auto")) == 4


def test_without_a_measurement_a_small_model_has_two_workers_and_a_large_one_has_one() -> None:
    _, (small,) = share_cards(CARDS, "auto", models())
    _, (large,) = share_cards(CARDS, "auto", models(LARGE))
    assert names("auto") == ["cuda:0/0", "cuda:0/1", "cuda:1/0", "cuda:1/1"]
    assert names("auto", *models(LARGE)) == ["cuda:0", "cuda:1"]
    for line in (small, large):
        assert "assumed, as the model has" in line
        assert "`tui-balancer bench` with this model measures it" in line


def test_auto_takes_no_more_than_fit() -> None:
    remember_comparison(RateKey("A Card", LARGE, "bf16"), {1: 10.0, 64: 22.0})
    devices, (line,) = share_cards(CARDS[:1], "auto", models(LARGE))
    assert len(devices) == most_workers(CARDS[0], models(LARGE)) > 1
    assert line.endswith("as many as fit into its 24.0 GiB")


def test_where_there_is_no_card_auto_says_nothing() -> None:
    cpu = (SelectedDevice("cpu:0", "EPYC", 64 * GIB),)
    assert share_cards(cpu, "auto", models()) == (cpu, ())


cards = st.lists(st.integers(2, 160), min_size=1, max_size=4)
numbers = st.integers(2, 8)


@pytest.fixture(scope="module")
def protein(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("proteins") / "a.faa"
    path.write_text(">a\nMKV\n")
    return path


@given(
    sizes=cards,
    workers=numbers,
    processor=st.booleans(),
    model=st.sampled_from(sorted(one for one in MODELS if one.startswith("esm2"))),
)
def test_no_setting_that_decides_a_byte_depends_on_the_number_of_workers(
    sizes: list[int], workers: int, processor: bool, model: str, protein: Path
) -> None:
    found = [
        DeviceInfo(f"cuda:{n}", "card", gib * GIB, None, (8, 0)) for n, gib in enumerate(sizes)
    ]
    found.append(DeviceInfo("cpu", "EPYC", 256 * GIB))

    def run(asked: WorkersPerGpu) -> PreparedRun:
        with pytest.MonkeyPatch.context() as patch:
            source = UntrainedModel(model, 0).source()
            patch.setattr(module, "preflight", lambda *_: PreflightReport(source, tuple(found), ()))
            return prepare(
                flat_settings(
                    inputs=(str(protein),),
                    output=protein.parent / "out",
                    model=f"untrained:{model}",
                    devices="cuda,cpu" if processor else "cuda",
                    cpu_workers=1 if processor else None,
                    workers_per_gpu=asked,
                )
            )

    alone = run(1)
    of_it = [(alone.models[0].source, alone.models[0].embedding)]
    room = min(most_workers(one, of_it) for one in alone.devices)
    several = run(max(1, min(workers, room)))
    assert len(several.devices) >= len(alone.devices)
    assert several.models[0].embedding == alone.models[0].embedding
    threads = [
        {one.threads for one in each.devices if one.kind == "cpu"} for each in (alone, several)
    ]
    assert threads[0] == threads[1]
    for name in ("embedding", "reading"):
        assert several.record.settings[name] == alone.record.settings[name]


def test_the_budget_of_a_batch_counts_a_card_once() -> None:
    shape = MODELS[LARGE]
    shared = [replace(CARDS[0], device=f"cuda:0/{slot}") for slot in range(4)]
    assert suitable_batch_tokens(shared, shape) == suitable_batch_tokens(CARDS[:1], shape)


def test_workers_have_their_part_of_a_card_s_weight_and_an_unknown_card_is_named_once() -> None:
    devices, _ = share_cards(CARDS, 2, models())
    specs, warnings = device_specs(devices, "cuda:1/1=3")
    assert [one.weight for one in specs] == [0.5, 0.5, 0.5, 3.0]
    assert [line.partition(":")[0] for line in warnings] == ["cuda", "cuda"]
    assert warnings[0].startswith("cuda:0: A Card is not in the table of weights: 1 until")
    late = replace(CARDS[0], device="cuda:0/2")
    assert late_spec(late, [(SMALL, "bf16")], [*devices, late]).weight == 1 / 3
