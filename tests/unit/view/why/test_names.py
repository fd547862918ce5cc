"""Names as people type them."""

from __future__ import annotations

import pytest

from tests.support.balance import Bench
from tests.support.explaining import Told
from tui_balancer.scheduler.model import Unit
from tui_balancer.view.names import UnknownName
from tui_balancer.view.why.explain import explain_name

NAMES = ("reads/a.faa", "reads/b.faa", "other/b.faa")


@pytest.fixture
def run() -> Told:
    files = [Unit(number, name, 1, 1, 1.0) for number, name in enumerate(NAMES)]
    bench = Bench()
    bench.coordinator.assign(files)
    return Told(bench, files)


@pytest.mark.parametrize("name", ["reads/a.faa", "a.faa", "/data/reads/a.faa"])
def test_a_file_is_known_by_its_name_and_by_the_end_of_its_path(run: Told, name: str) -> None:
    assert explain_name(run.facts, name).name == "reads/a.faa"


def test_an_end_that_several_files_have_is_refused(run: Told) -> None:
    with pytest.raises(UnknownName, match=r"'b\.faa' may be reads/b\.faa and other/b\.faa: "):
        explain_name(run.facts, "b.faa")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("cuda:10", "cuda:1"), ("reads/a.fa", "reads/a.faa"), ("other/c.faa", "other/b.faa")],
)
def test_an_unknown_name_is_refused_with_the_nearest(run: Told, name: str, nearest: str) -> None:
    with pytest.raises(UnknownName, match=f"neither a file nor .* The nearest is {nearest}."):
        explain_name(run.facts, name)
