"""Weights by device name: the specification's values, whole words, slices and --weights."""

from __future__ import annotations

import math
import warnings

import pytest

from tui_balancer.errors import UserError
from tui_balancer.scheduler.policy.device_weights import (
    CPU_WEIGHT,
    GPU_WEIGHTS,
    MPS_WEIGHT,
    get_gpu_weight,
    match_device_weight,
    match_gpu_weight,
    parse_weights,
)

SPECIFIED = {
    "NVIDIA GeForce RTX 3080": 0.90,
    "NVIDIA GeForce RTX 3090": 1.00,
    "NVIDIA GeForce RTX 4080": 1.35,
    "NVIDIA GeForce RTX 4090": 1.50,
    "NVIDIA RTX A6000": 1.10,
    "NVIDIA A100-PCIE-40GB": 1.20,
    "NVIDIA A100-SXM4-40GB": 1.20,
    "NVIDIA A100 80GB PCIe": 1.20,
    "NVIDIA A100-SXM4-80GB": 1.20,
    "NVIDIA H100 PCIe": 2.50,
    "NVIDIA H100 NVL": 2.50,
    "NVIDIA H100 80GB HBM3": 2.50,
    "Tesla V100-PCIE-16GB": 0.75,
    "Tesla V100-SXM2-16GB": 0.75,
    "Tesla V100-PCIE-32GB": 0.80,
    "Tesla V100-SXM2-32GB": 0.80,
}

# Dense fp16 TFLOPS and memory GB/s of a card and of the specified card it is placed beside.
V100, A100, H100 = (118.5, 900, 0.75), (312, 1555, 1.20), (989, 3350, 2.50)
RTX3090, A6000, RTX4080, RTX4090 = (
    (71, 936, 1.00),
    (154.8, 768, 1.10),
    (97.5, 717, 1.35),
    (165.2, 1008, 1.50),
)
PLACED = {
    "NVIDIA GeForce RTX 2080 Ti": (53.8, 616, V100),
    "Quadro RTX 8000": (130.5, 672, V100),
    "Tesla T4": (65, 320, V100),
    "NVIDIA GeForce RTX 3090 Ti": (80, 1008, RTX3090),
    "NVIDIA RTX A4000": (76.7, 448, A6000),
    "NVIDIA RTX A5000": (111.1, 768, A6000),
    "NVIDIA A10": (125, 600, A6000),
    "NVIDIA A10G": (70, 600, A6000),
    "NVIDIA A40": (149.7, 696, A6000),
    "NVIDIA A30": (165, 933, A100),
    "NVIDIA GeForce RTX 4080 SUPER": (104.4, 736, RTX4080),
    "NVIDIA L4": (121, 300, RTX4090),
    "NVIDIA L40": (181, 864, RTX4090),
    "NVIDIA L40S": (362, 864, RTX4090),
    "NVIDIA RTX 6000 Ada Generation": (364.2, 960, RTX4090),
    "NVIDIA GeForce RTX 5080": (112.6, 960, RTX4090),
    "NVIDIA GeForce RTX 5090": (209.5, 1792, RTX4090),
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": (503.8, 1792, RTX4090),
    "NVIDIA GH200 480GB": (989, 4000, H100),
    "NVIDIA H200": (989, 4800, H100),
    "NVIDIA B200": (2250, 8000, H100),
}


@pytest.mark.parametrize(("name", "weight"), SPECIFIED.items())
def test_the_specifications_values_stand(name: str, weight: float) -> None:
    assert get_gpu_weight(name) == weight


@pytest.mark.parametrize("name", PLACED)
def test_other_cards_are_placed_by_the_stated_formula(name: str) -> None:
    tflops, bandwidth, (relative_tflops, relative_bandwidth, relative_weight) = PLACED[name]
    speed = math.sqrt(tflops / relative_tflops * bandwidth / relative_bandwidth)
    assert GPU_WEIGHTS[name] == pytest.approx(relative_weight * speed**0.35, abs=0.0251)


def test_every_weight_is_specified_placed_or_a_variant_of_the_v100() -> None:
    rest = set(GPU_WEIGHTS) - set(SPECIFIED) - set(PLACED)
    assert all(name.startswith("Tesla V100") for name in rest), rest


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("GeForce RTX 3090", 1.00),
        ("RTX A6000", 1.10),
        ("A100-SXM4-40GB", 1.20),
        ("NVIDIA A100-SXM-64GB", 1.20),
        ("NVIDIA H100 80GB HBM2e", 2.50),
        ("NVIDIA H100 SXM5 80GB", 2.50),
        ("Tesla V100-DGXS-16GB", 0.75),
        ("Tesla V100-DGXS-32GB", 0.80),
        ("NVIDIA A10G", 0.90),
        ("NVIDIA GH200 480GB", 2.60),
    ],
)
def test_variants_of_a_card_have_its_weight(name: str, weight: float) -> None:
    assert get_gpu_weight(name) == weight


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA GeForce RTX 3080 Laptop GPU",
        "NVIDIA GeForce RTX 3080 Ti",
        "NVIDIA A1000",
        "NVIDIA H20",
        "Quadro RTX 6000",
        "Radeon RX 7900 XTX",
        "NVIDIA",
        "",
    ],
)
def test_another_card_is_never_taken_for_a_known_one(name: str) -> None:
    with pytest.warns(UserWarning, match="unknown GPU"):
        assert get_gpu_weight(name) == 1.0


def test_a_known_card_warns_about_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get_gpu_weight("NVIDIA H200")


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", 1.20 / 7),
        ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", 1.20 * 3 / 7),
        ("NVIDIA A100-SXM4-80GB MIG 1c.3g.40gb", 1.20 / 7),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb+me", 2.50 / 7),
        ("NVIDIA A30 MIG 2g.12gb", 1.00 / 2),
    ],
)
def test_a_mig_slice_has_its_share_of_the_card(name: str, weight: float) -> None:
    match = match_gpu_weight(name)
    assert match.weight == pytest.approx(weight)
    assert match.known


def test_a_slice_of_an_unknown_card_is_unknown_too() -> None:
    assert not match_gpu_weight("NVIDIA X900 MIG 1g.10gb").known


def test_every_match_says_why() -> None:
    assert match_gpu_weight("NVIDIA H200").reason == "in the table"
    assert match_gpu_weight("A100-SXM4-40GB").reason == "a variant of NVIDIA A100-SXM4-40GB"
    assert match_gpu_weight("NVIDIA A30 MIG 1g.6gb").reason == "1/4 of NVIDIA A30 (in the table)"
    assert match_gpu_weight("Voodoo 2").reason == "unknown card"


def test_cpu_and_mps_are_weighed_by_kind() -> None:
    assert match_device_weight("cpu:3", "AMD EPYC 7763").weight == CPU_WEIGHT
    assert match_device_weight("mps", "Apple M2").weight == MPS_WEIGHT
    assert match_device_weight("cuda:0", "NVIDIA L4").weight == 1.15


def test_a_worker_of_a_shared_card_has_its_part_of_the_weight() -> None:
    alone = match_device_weight("node-1/cuda:0/1", "NVIDIA L4")
    assert (alone.weight, alone.shared(1)) == (1.15, alone)
    half = alone.shared(2)
    assert (half.weight, half.reason) == (1.15 / 2, "in the table, one of 2 workers")


def test_weights_are_given_by_name_or_in_order() -> None:
    devices = ["cuda:0", "cuda:1"]
    assert parse_weights("cuda:0=1.5, cuda:1=1", devices) == {"cuda:0": 1.5, "cuda:1": 1.0}
    assert parse_weights("1.5,1", devices) == {"cuda:0": 1.5, "cuda:1": 1.0}
    assert parse_weights("cuda:1=2", devices) == {"cuda:1": 2.0}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1.5", "1 weights for 2 devices"),
        ("1,2,3", "3 weights for 2 devices"),
        ("cuda:0=1,2", "name every weight or none"),
        ("cuda:7=1", "no device 'cuda:7'"),
        ("cuda:0=1,cuda:0=2", "given twice"),
        ("cuda:0=fast", "not a positive number"),
        ("cuda:0=0", "not a positive number"),
        ("nan,1", "not a positive number"),
        ("inf,1", "not a positive number"),
        ("-1,1", "not a positive number"),
        ("", "1 weights for 2 devices"),
    ],
)
def test_nonsense_weights_are_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as refusal:
        parse_weights(text, ["cuda:0", "cuda:1"])
    assert "\n" not in str(refusal.value)
