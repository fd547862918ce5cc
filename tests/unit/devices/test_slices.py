"""Cards in MIG mode: each slice is a device, seen by its own worker alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from tui_balancer.devices.info import VISIBLE_DEVICES, DeviceInfo
from tui_balancer.devices.selection import ProcessorShares, parse_devices, select_devices
from tui_balancer.devices.slices import sliced_cards
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId


@dataclass(frozen=True)
class Card:
    """A card as NVML tells of it; None stands for a slice that was not made."""

    uuid: str
    name: str
    memory: int
    slices: tuple[Card | None, ...] | None = None
    capability: list[int] = field(default_factory=lambda: [8, 0])


WHOLE = Card("GPU-w", "NVIDIA A100-PCIE-40GB", 40)
SMALL, LARGE = Card("MIG-s", "A100 MIG 1g.5gb", 5), Card("MIG-l", "A100 MIG 4g.20gb", 20)
DIVIDED = Card("GPU-d", "NVIDIA A100-PCIE-40GB", 40, (LARGE, None, SMALL))


def drive(monkeypatch: pytest.MonkeyPatch, *cards: Card) -> None:
    """Let NVML find these cards."""

    def mode(card: Card) -> tuple[int, int]:
        if card.slices is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return pynvml.NVML_DEVICE_MIG_ENABLE, pynvml.NVML_DEVICE_MIG_ENABLE

    def slice_of(card: Card, index: int) -> Card:
        found = (card.slices or ())[index]
        if found is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return found

    answers = {
        "Init": lambda: None,
        "DeviceGetCount": lambda: len(cards),
        "DeviceGetHandleByIndex": lambda index: cards[index],
        "DeviceGetUUID": lambda card: card.uuid,
        "DeviceGetName": lambda card: card.name,
        "DeviceGetCudaComputeCapability": lambda card: card.capability,
        "DeviceGetMemoryInfo": lambda card: SimpleNamespace(total=card.memory),
        "DeviceGetMigMode": mode,
        "DeviceGetMaxMigDeviceCount": lambda card: len(card.slices),
        "DeviceGetMigDeviceHandleByIndex": slice_of,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, f"nvml{name}", answer)


def test_every_slice_and_every_whole_card_is_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, WHOLE, DIVIDED)

    assert sliced_cards({}) == (
        DeviceInfo("cuda:0", WHOLE.name, 40, "GPU-w", (8, 0), "GPU-w"),
        DeviceInfo("cuda:1", LARGE.name, 20, "MIG-l", (8, 0), "MIG-l"),
        DeviceInfo("cuda:2", SMALL.name, 5, "MIG-s", (8, 0), "MIG-s"),
    )


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        ("1", ["MIG-l", "MIG-s"]),
        ("MIG-s", ["MIG-s"]),
        ("GPU-w, MIG-l", ["GPU-w", "MIG-l"]),
        ("", []),
    ],
)
def test_what_the_person_hid_stays_hidden(
    monkeypatch: pytest.MonkeyPatch, visible: str, uuids: list[str]
) -> None:
    drive(monkeypatch, WHOLE, DIVIDED)
    found = sliced_cards({VISIBLE_DEVICES: visible})

    assert [card.uuid for card in found] == uuids
    assert [card.device for card in found] == [f"cuda:{n}" for n in range(len(uuids))]


def test_whole_cards_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, WHOLE, WHOLE)

    assert sliced_cards({}) == ()


def test_without_a_driver_there_are_no_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)

    assert sliced_cards({}) == ()


def test_a_selected_slice_keeps_what_its_worker_must_see(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, DIVIDED)
    shares = ProcessorShares(None, None, cores=4, memory=1 << 30, worker_bytes=1)
    selected = select_devices(parse_devices("cuda:1"), sliced_cards({}), shares)

    assert [(one.device, one.visible) for one in selected] == [("cuda:1", "MIG-s")]


def test_in_its_worker_a_slice_is_the_only_card() -> None:
    setup = WorkerSetup(
        WorkerId("cuda:5", 1),
        1,
        UntrainedModel("esm2_t6_8M_UR50D", 0).source(),
        EmbeddingSettings(),
        ReadingRules(),
        Path("log"),
        None,
        visible="MIG-s",
    )

    assert setup.local_device == "cuda:0"
