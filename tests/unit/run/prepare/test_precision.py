"""One number format for a whole run, that every device of it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import Precision, PrecisionChoice
from tui_balancer.errors import UserError
from tui_balancer.run.prepare import checking
from tui_balancer.run.prepare import prepare as preparing
from tui_balancer.run.prepare.precision import (
    choose_precision,
    measured_precision,
    precisions,
    slow_precision_warnings,
)
from tui_balancer.run.prepare.prepare import PreparedRun, prepare
from tui_balancer.run.prepare.resume import StoredRun
from tui_balancer.run_folder.settings_json import (
    refuse_differences,
    stored_settings,
    with_stored_defaults,
)
from tui_balancer.settings import DeviceSettings, EmbeddingChoice, RunSettings
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest

A100 = SelectedDevice("cuda:0", "NVIDIA A100", None, capability=(8, 0))
H100 = SelectedDevice("cuda:1", "NVIDIA H100", None, capability=(9, 0))
T4 = SelectedDevice("cuda:2", "Tesla T4", None, capability=(7, 5))
P100 = SelectedDevice("cuda:3", "Tesla P100", None, capability=(6, 0))
MPS = SelectedDevice("mps", "Apple M2 GPU", None)
CPU = SelectedDevice("cpu:0", "AMD EPYC", None)


@pytest.mark.parametrize(
    ("devices", "best"),
    [
        ([A100, H100], "bf16"),
        ([A100, T4], "fp16"),
        ([T4, P100], "fp32"),
        ([A100, CPU], "fp32"),
        ([MPS], "fp32"),
        ([CPU], "fp32"),
    ],
)
def test_left_to_itself_it_is_the_best_that_all_devices_have(
    devices: list[SelectedDevice], best: Precision
) -> None:
    assert choose_precision("auto", devices, reference=False) == best


@pytest.mark.parametrize(
    ("choice", "devices"),
    [("bf16", [CPU]), ("fp16", [T4, CPU]), ("fp16", [MPS]), ("fp32", [A100])],
)
def test_what_is_asked_for_is_taken_where_all_devices_have_it(
    choice: Precision, devices: list[SelectedDevice]
) -> None:
    assert choose_precision(choice, devices, reference=False) == choice


@pytest.mark.parametrize(
    ("choice", "devices", "named"),
    [
        ("bf16", [A100, T4], r"cuda:2 \(Tesla T4\) cannot"),
        ("fp16", [P100, T4], r"cuda:3 \(Tesla P100\) cannot"),
        ("bf16", [MPS, CPU], r"mps \(Apple M2 GPU\) cannot"),
    ],
)
def test_a_device_that_lacks_it_is_named(
    choice: PrecisionChoice, devices: list[SelectedDevice], named: str
) -> None:
    with pytest.raises(UserError, match=f"--precision {choice}: {named}"):
        choose_precision(choice, devices, reference=False)


def test_what_overflows_in_the_model_is_neither_taken_nor_measured() -> None:
    formats: tuple[Precision, ...] = ("fp32", "bf16")
    assert choose_precision("auto", [A100], reference=False, formats=formats) == "bf16"
    assert choose_precision("auto", [A100, T4], reference=False, formats=formats) == "fp32"
    with pytest.raises(UserError, match=r"fp16: .* overflow in it; choose fp32 or bf16$"):
        choose_precision("fp16", [T4], reference=False, formats=formats)
    assert precisions(A100, formats) == formats


def test_a_run_of_a_model_goes_by_its_formats(asked: RunSettings) -> None:
    t5 = replace(asked, model="untrained:prot_t5_xl_uniref50")
    with pytest.raises(UserError, match=r"fp16: .* overflow"):
        prepare(choosing(t5, precision="fp16"))
    assert prepare(choosing(t5, precision="bf16")).models[0].embedding.precision == "bf16"


def test_the_reference_computes_in_float32_alone() -> None:
    assert choose_precision("auto", [A100], reference=True) == "fp32"
    with pytest.raises(UserError, match="--reference computes in fp32"):
        choose_precision("bf16", [A100], reference=True)


def test_the_formats_worth_measuring_are_those_that_a_device_has() -> None:
    assert precisions(CPU) == ("fp32", "bf16")
    assert precisions(MPS) == ("fp32", "fp16")
    assert precisions(H100) == ("fp32", "bf16", "fp16")
    assert precisions(T4) == ("fp32", "fp16")
    assert precisions(P100) == ("fp32",)


@pytest.mark.parametrize(
    ("choice", "devices", "measured"),
    [
        ("bf16", "cpu", "bf16"),
        ("fp16", "auto", "fp16"),
        ("fp16", "cuda,cpu", "fp16"),
        ("bf16", "cuda", None),
        ("auto", "cpu", None),
        ("fp32", "cpu", None),
    ],
)
def test_a_format_that_is_asked_of_the_processor_is_measured_there(
    choice: PrecisionChoice, devices: str, measured: Precision | None
) -> None:
    assert measured_precision(choice, parse_devices(devices)) == measured


def on_processor(speed: float | None, device: str = "cpu:0") -> SelectedDevice:
    return replace(CPU, device=device, relative_speed=speed)


@pytest.mark.parametrize(
    ("devices", "warnings"),
    [
        (
            [on_processor(0.1666), on_processor(0.1666, "cpu:1")],
            (
                "bf16 runs at 0.17 times the speed of fp32 on cpu:0 (AMD EPYC). "
                "Leave out --precision to use fp32.",
            ),
        ),
        (
            [A100, on_processor(0.05)],
            (
                "bf16 runs at 0.05 times the speed of fp32 on cpu:0 (AMD EPYC). "
                "Leave out --precision to use fp32, or leave out the CPU with --devices.",
            ),
        ),
        (
            [on_processor(0.9, "node-1/cpu:0"), on_processor(0.3, "node-2/cpu:0")],
            (
                "bf16 runs at 0.3 times the speed of fp32 on node-2/cpu:0 (AMD EPYC). "
                "Leave out --precision to use fp32.",
            ),
        ),
        ([on_processor(2.1)], ()),
        ([on_processor(0.95)], ()),
        ([on_processor(None)], ()),
        ([A100], ()),
    ],
)
def test_the_slowest_processor_is_warned_of_in_one_line(
    devices: list[SelectedDevice], warnings: tuple[str, ...]
) -> None:
    assert slow_precision_warnings("bf16", devices) == warnings


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSettings:
    """A run on a processor that has no unit for half precision."""

    def preflight(request: PreflightRequest, *_: object) -> PreflightReport:
        assert isinstance(request.model, UntrainedModel)
        speed = {"bf16": 0.17, "fp16": 0.1}.get(request.measured or "")
        processor = DeviceInfo("cpu", "AMD EPYC", None, relative_speed=speed)
        return PreflightReport(request.model.source(), (processor,))

    monkeypatch.setattr(checking, "preflight", preflight)
    fasta = tmp_path / "a.faa"
    fasta.write_text(">p\nMKV\n")
    return RunSettings(
        inputs=(str(fasta),),
        output=tmp_path / "out",
        model="untrained:esm2_t6_8M_UR50D",
        devices=DeviceSettings("cpu", cpu_workers=1, cpu_threads=1),
    )


def choosing(asked: RunSettings, **choice: Any) -> RunSettings:
    return replace(asked, embedding=EmbeddingChoice(**choice))


def test_a_run_computes_as_it_was_asked_to(asked: RunSettings) -> None:
    half = prepare(choosing(asked, precision="bf16")).models[0].embedding
    reference = prepare(choosing(asked, reference=True)).models[0].embedding
    assert (half.precision, half.forward) == ("bf16", "packed")
    assert (reference.precision, reference.forward) == ("fp32", "fair-esm")
    assert prepare(asked).models[0].embedding.precision == "fp32"


def told_of_speed(run: PreparedRun) -> list[str]:
    return [one.text for one in run.warnings if "the speed of fp32" in one.text]


def test_who_asks_for_a_slow_format_is_warned_once_and_nobody_else(asked: RunSettings) -> None:
    on_two = replace(asked, devices=DeviceSettings("cpu", cpu_workers=2, cpu_threads=1))
    (line,) = told_of_speed(prepare(choosing(on_two, precision="bf16")))
    assert line.startswith("bf16 runs at 0.17 times the speed of fp32 on cpu:0 (AMD EPYC).")
    assert not told_of_speed(prepare(choosing(asked, precision="auto")))
    assert not told_of_speed(prepare(choosing(asked, precision="fp32")))


def test_a_run_that_goes_on_is_not_told_to_leave_out_what_it_must_keep(
    asked: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = choosing(asked, precision="bf16")
    begun = StoredRun(prepare(half).record, (), ())
    monkeypatch.setattr(preparing, "find_run", lambda folder: begun)
    for again in (half, asked):
        resume_plan = prepare(again)
        assert resume_plan.models[0].embedding.precision == "bf16"
        assert not told_of_speed(resume_plan)


def test_a_continued_run_keeps_its_precision_and_its_forward_pass(asked: RunSettings) -> None:
    half = prepare(choosing(asked, precision="bf16")).record
    assert with_stored_defaults(asked, half).embedding.precision == "bf16"
    assert stored_settings(half, asked.output).embedding.precision == "bf16"
    reference = prepare(choosing(asked, reference=True)).record
    assert stored_settings(reference, asked.output).embedding.reference


def test_the_other_forward_pass_does_not_inherit_a_precision_that_it_lacks(
    asked: RunSettings,
) -> None:
    half = prepare(choosing(asked, precision="bf16")).record
    kept = with_stored_defaults(choosing(asked, reference=True), half)
    assert kept.embedding.precision == "auto"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"precision": "bf16"}, "--precision is fp32 there, bf16 was asked"),
        ({"reference": True}, "--reference is off there, on was asked"),
    ],
)
def test_another_precision_or_forward_pass_is_refused_in_the_folder_of_a_run(
    asked: RunSettings, other: dict[str, Any], told: str
) -> None:
    begun, differing = prepare(asked), prepare(choosing(asked, **other))
    with pytest.raises(UserError, match=told):
        refuse_differences(
            begun.record,
            differing.settings,
            [(begun.models[0].source, differing.models[0].embedding)],
            begun.devices,
        )
