"""What is asked of a cluster, and what is said without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.engines.dask.request import ClusterRequest, parse_bounds
from tui_balancer.engines.dask.scaling import FILES_A_WORKER, wanted_workers
from tui_balancer.engines.dask.tls import is_protected
from tui_balancer.engines.engine import DeviceSearch
from tui_balancer.engines.table import find_devices
from tui_balancer.errors import UserError


def test_bounds_are_two_numbers_in_order() -> None:
    assert parse_bounds("0:16") == (0, 16)
    for text in ("16", "4:2", "a:b", "-1:3", "0:0"):
        with pytest.raises(UserError, match="the minimum and maximum"):
            parse_bounds(text)


@pytest.mark.parametrize(
    ("address", "protected"),
    [
        ("tcp://127.0.0.1:8786", True),
        ("tcp://localhost:8786", True),
        ("tcp://[::1]:8786", True),
        ("tls://head:8786", True),
        ("tcp://head:8786", False),
        ("10.0.0.7:8786", False),
    ],
)
def test_a_scheduler_is_protected_by_tls_or_by_being_out_of_reach(
    address: str, protected: bool
) -> None:
    assert is_protected(address) is protected


def test_how_many_workers_suit_a_card_is_not_decided_for_a_cluster(tmp_path: Path) -> None:
    model = UntrainedModel("esm2_t6_8M_UR50D", 0).source()
    search = DeviceSearch(
        tmp_path, tmp_path, "auto", "auto", None, None, (), (model,), None, lambda *_: None
    )
    with pytest.raises(UserError, match=r"^--workers-per-gpu auto is for one machine: [^\n]+$"):
        find_devices(ClusterRequest(local=1), search)


def test_long_queues_want_more_workers_and_short_ones_only_those_at_work() -> None:
    assert wanted_workers(busy=2, waiting=0) == 2
    assert wanted_workers(busy=2, waiting=1) == 3
    assert wanted_workers(busy=2, waiting=3 * FILES_A_WORKER) == 5


def test_without_dask_the_program_is_whole_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [one for one in sys.modules if one.startswith("tui_balancer.engines.dask.engine")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    model = UntrainedModel("esm2_t6_8M_UR50D", 0).source()
    search = DeviceSearch(
        tmp_path, tmp_path, "auto", 1, None, None, (), (model,), None, lambda *_: None
    )
    with pytest.raises(UserError, match=r"pip install 'tui-balancer\[dask\]'"):
        find_devices(ClusterRequest(local=1), search)


def test_the_program_starts_without_dask() -> None:
    script = "import sys; sys.modules['dask'] = sys.modules['distributed'] = None\n"
    script += "import tui_balancer.cli.app, tui_balancer.cli.watch, tui_balancer.run.live.session\n"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
