"""One number format for a whole run, that every device of it has."""

from __future__ import annotations

import pytest

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.settings import Precision, PrecisionChoice
from tui_balancer.errors import UserError
from tui_balancer.run.precision import choose_precision, precisions

A100 = SelectedDevice("cuda:0", "NVIDIA A100", 1, None, (8, 0))
H100 = SelectedDevice("cuda:1", "NVIDIA H100", 1, None, (9, 0))
T4 = SelectedDevice("cuda:2", "Tesla T4", 1, None, (7, 5))
P100 = SelectedDevice("cuda:3", "Tesla P100", 1, None, (6, 0))
MPS = SelectedDevice("mps", "Apple M2 GPU", 1, None)
CPU = SelectedDevice("cpu:0", "AMD EPYC", 1, None)


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


def test_the_reference_computes_in_float32_alone() -> None:
    assert choose_precision("auto", [A100], reference=True) == "fp32"
    with pytest.raises(UserError, match="--reference computes in fp32"):
        choose_precision("bf16", [A100], reference=True)


def test_a_device_lists_its_formats() -> None:
    assert precisions(H100) == ("fp32", "bf16", "fp16")
    assert precisions(T4) == ("fp32", "fp16")
    assert precisions(P100) == ("fp32",)
