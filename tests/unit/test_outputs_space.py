"""Room for outputs: how much they take, and whether it is there."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from tui_balancer.outputs import virnucpro
from tui_balancer.outputs.space import PROBE_NAME, has_room, is_disk_full, output_bytes


@pytest.mark.parametrize("sequences", [1, 300])
@pytest.mark.parametrize("width", [40, 1280])
def test_the_estimate_is_no_less_than_an_output_and_not_much_more(
    sequences: int, width: int, tmp_path: Path
) -> None:
    ids = [f"NODE_{number}_length_4711_cov_12.5_frame_{number % 6}" for number in range(sequences)]
    written = virnucpro.write(tmp_path / "x", ids, torch.zeros(sequences, width), {})
    estimate = output_bytes(sequences, width)
    assert written.bytes <= estimate <= 1.5 * written.bytes + 4096


def test_room_is_tried_and_nothing_stays(tmp_path: Path) -> None:
    assert has_room(tmp_path, 3 << 20)
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_full_has_no_room(tmp_path: Path) -> None:
    (tmp_path / PROBE_NAME).symlink_to("/dev/full")
    assert not has_room(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_matter_of_space_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        has_room(tmp_path / "gone", 1)
    assert not is_disk_full(PermissionError(errno.EACCES, "no"))
    assert is_disk_full(OSError(errno.EDQUOT, "quota"))
