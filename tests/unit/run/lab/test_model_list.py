"""The list of models: what each takes on the devices of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui_balancer.cache import CACHE_VARIABLE
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.embedding.families.table import FAMILIES, MODELS, SMALLEST_MODEL
from tui_balancer.errors import UserError
from tui_balancer.run.lab import model_list
from tui_balancer.run.lab.model_list import LETTERS, ListedModel, list_models
from tui_balancer.run.prepare.learned_rates import RateKey, save_rates
from tui_balancer.run.prepare.speeds import COMMON_LENGTH, CPU_THREAD_FLOPS, CUDA_FLOPS
from tui_balancer.settings import DeviceSettings, RunSettings
from tui_balancer.workers.preflight.messages import PreflightReport

PROCESSOR = DeviceInfo("cpu", "A CPU", 64 << 30)
CARDS = tuple(DeviceInfo(f"cuda:{n}", "A Card", 80 << 30, capability=(8, 0)) for n in range(2))


@pytest.fixture(autouse=True)
def _empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "ours"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def listed(
    monkeypatch: pytest.MonkeyPatch, *found: DeviceInfo, **settings: Any
) -> dict[str, ListedModel]:
    """Return the models on a machine with these devices, by name."""
    report = PreflightReport(None, (*found, PROCESSOR))
    monkeypatch.setattr(model_list, "preflight", lambda _: report)
    asked = RunSettings((), Path(), SMALLEST_MODEL, devices=DeviceSettings(**settings))
    return {one.name: one for one in list_models(asked).models}


def seconds(name: str, flops_per_second: float) -> float:
    """Return the time of the letters, in sequences of 300 tokens and what surrounds them."""
    shape = MODELS[name]
    length = COMMON_LENGTH * shape.alphabet.token_letters
    return LETTERS / length * shape.sequence_flops(length) / flops_per_second


def test_every_model_is_listed_once_as_the_families_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = listed(monkeypatch, *CARDS)
    assert list(models) == list(MODELS)
    for family in FAMILIES.values():
        for name, model in family.models.items():
            one, shape = models[name], model.shape
            assert (one.family, one.licence) == (family.title, model.licence)
            assert (one.parameters, one.layers) == (shape.weights, shape.layers)
            assert (one.width, one.longest) == (shape.width, shape.longest)
            assert tuple(memory.precision for memory in one.memory) == family.precisions


def test_without_measurements_the_time_is_that_of_assumed_speeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = listed(monkeypatch, *CARDS, weights="2,1")
    for name, one in models.items():
        assert one.seconds == pytest.approx(seconds(name, 3 * CUDA_FLOPS))
        assert (one.precision, one.measured) == ("bf16", False)


def test_a_model_that_ran_here_is_measured_and_others_go_by_the_nearest_in_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates = {"esm2_t6_8M_UR50D": 1e12, "esm2_t33_650M_UR50D": 7e12, "my_model": 9e12}
    save_rates({RateKey("A Card", name, "bf16"): rate for name, rate in rates.items()})
    save_rates({RateKey("A Card", "DNABERT-S", "fp32"): 5e12})
    models = listed(monkeypatch, *CARDS)
    measured = {name for name, one in models.items() if one.measured}
    assert measured == rates.keys() & models.keys()
    for name, rate in (
        *(("esm2_t6_8M_UR50D", 1e12), ("esm2_t12_35M_UR50D", 1e12)),
        *(("esm2_t33_650M_UR50D", 7e12), ("DNABERT-S", 7e12), ("ProstT5", 7e12)),
    ):
        assert models[name].seconds == pytest.approx(seconds(name, 2 * rate))


def test_a_device_that_was_not_measured_makes_the_time_an_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "esm2_t6_8M_UR50D"
    save_rates({RateKey("A Card", name, "fp32"): 1e12})
    settings = {"devices": "cuda:0,cpu", "cpu_workers": 1, "cpu_threads": 3}
    one = listed(monkeypatch, *CARDS, **settings)[name]
    assert one.seconds == pytest.approx(seconds(name, 1e12 + 3 * CPU_THREAD_FLOPS))
    assert (one.precision, one.measured) == ("fp32", False)


def test_memory_is_that_of_the_devices_that_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cards, on_processor = (
        {memory.precision: memory.bytes for memory in models["esm2_t36_3B_UR50D"].memory}
        for models in (listed(monkeypatch, *CARDS), listed(monkeypatch, *CARDS, devices="cpu"))
    )
    weights = MODELS["esm2_t36_3B_UR50D"].weights
    assert on_cards["fp32"] - on_cards["bf16"] == 2 * weights
    assert on_cards["bf16"] == on_cards["fp16"] > 2 * weights
    # A CPU's worker maps the weights in float32 and has those in half precision besides.
    assert on_processor["bf16"] - on_processor["fp32"] == 2 * weights
    assert on_processor["fp32"] > 4 * weights


def test_what_is_in_a_cache_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "esm1b_t33_650M_UR50S.pt").touch()
    entry = tmp_path / "hub" / "models--zhihan1996--DNABERT-S"
    (entry / "snapshots" / "abc").mkdir(parents=True)
    (entry / "refs").mkdir()
    (entry / "refs" / "main").write_text("abc")
    models = listed(monkeypatch)
    cached = {name for name, one in models.items() if one.cached}
    assert cached == {"esm1b_t33_650M_UR50S", "DNABERT-S"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("PROST",), ["ProstT5"]),
        (("t5", "mit"), ["ProstT5"]),
        (("nucleotide",), ["DNABERT-2-117M", "DNABERT-S"]),
        (("esm c",), ["esmc_300m", "esmc_600m", "esmc_6b"]),
        (("nc-sa",), ["ankh-base", "ankh-large"]),
    ],
)
def test_words_choose_models(words: tuple[str, ...], found: list[str]) -> None:
    asked = RunSettings((), Path(), SMALLEST_MODEL, devices=DeviceSettings("cpu"))
    assert [one.name for one in list_models(asked, words).models] == found


def test_words_that_no_model_has_are_refused() -> None:
    with pytest.raises(UserError, match="no model matches 't5 apache'"):
        list_models(RunSettings((), Path(), SMALLEST_MODEL), ("t5", "apache"))
