"""The map of the embeddings: a mark a sequence, in its place, coloured by file."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import tui_balancer_here
from tests.support.finished_run import finish_run
from tests.support.told_run import told_run
from tui_balancer.errors import UserError
from tui_balancer.history.history import read_history
from tui_balancer.history.page.axes import score_ticks
from tui_balancer.history.page.embedding_map import (
    COLOURS,
    HEIGHT,
    MOST_FILES,
    embedding_map,
)
from tui_balancer.history.page.html import page
from tui_balancer.history.page.timeline import WIDTH
from tui_balancer.history.run_report import RunReport, account_of
from tui_balancer.history.vector_sample import VectorSample

HOSTILE = '</title></svg><script>alert("\0")</script>'


def sample_of(sizes: list[int], names: list[str] | None = None) -> VectorSample:
    """Return a sample of files with so many sequences each."""
    files = [file for file, size in enumerate(sizes) for _ in range(size)]
    vectors = np.random.default_rng(1).standard_normal((len(files), 4)) * (5, 2, 1, 1)
    names = names or [f"{file}.faa" for file in range(len(sizes))]
    ids = tuple(f"p{number}" for number in range(len(files)))
    what = "mean of layer 6"
    return VectorSample(what, vectors, ids, tuple(files), tuple(names), tuple(sizes), ())


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    return account_of(read_history(told_run(tmp_path_factory.mktemp("told"))))


def section(html: str) -> str:
    """Return the part of a page that has the map."""
    return html.partition('<h2 id="map">')[2].partition("<h2")[0]


def test_places_are_those_of_the_components() -> None:
    sample = sample_of([40])
    left, lengths, axes = np.linalg.svd(sample.vectors - sample.vectors.mean(axis=0))
    (group,) = embedding_map(sample).groups
    drawn = np.array([(point.x, point.y) for point in group.points])
    assert (drawn > 0).all()
    assert (drawn < (WIDTH, HEIGHT)).all()
    for place, downwards in ((0, 1), (1, -1)):
        sign = np.sign(axes[place][np.abs(axes[place]).argmax()]) * downwards
        scores = sign * left[:, place] * lengths[place]
        # Up to place and size, which the axis has.
        assert np.corrcoef(scores, drawn[:, place])[0, 1] == pytest.approx(1.0)


def test_the_marks_of_an_axis_stand_where_their_values_are() -> None:
    sample = sample_of([40])
    found = embedding_map(sample)
    # What was drawn has been centred, and its axes keep lengths.
    distances = [float(np.linalg.norm(sample.vectors[0] - one)) for one in sample.vectors]
    (group,) = found.groups
    units = {}
    for name, ticks in (("x", found.across), ("y", found.up)):
        first, *_, last = ticks
        units[name] = (float(last.text) - float(first.text)) / (last.at - first.at)
    for point, distance in zip(group.points, distances, strict=True):
        across = (point.x - group.points[0].x) * units["x"]
        up = (point.y - group.points[0].y) * units["y"]
        assert np.hypot(across, up) <= distance + 1e-6


@pytest.mark.parametrize(("low", "high"), [(-10.3, 12.9), (0.001, 0.0042), (-7e5, -2e5), (-1, 1)])
def test_marks_of_scores_are_round_and_in_the_picture(low: float, high: float) -> None:
    ticks = score_ticks(low, high, WIDTH)
    assert 3 <= len(ticks) <= 11
    for tick in ticks:
        assert 0 <= tick.at <= WIDTH
        assert low + tick.at / WIDTH * (high - low) == pytest.approx(float(tick.text), abs=1e-9)


def test_the_largest_files_have_a_mark_of_their_own_and_the_rest_is_grey() -> None:
    sizes = [*range(1, 14)]
    found = embedding_map(sample_of(sizes))
    *own, rest = found.groups
    assert [group.name for group in own[:2]] == ["12.faa (13)", "11.faa (12)"]
    assert len({(group.mark, group.diamonds) for group in own}) == len(own) == MOST_FILES
    assert {group.mark for group in own} == {f"file-{number}" for number in range(COLOURS)}
    assert (rest.name, rest.mark, len(rest.points)) == ("3 other files", "file-rest", 1 + 2 + 3)
    assert sum(len(group.points) for group in found.groups) == sum(sizes)
    assert found.drawn == (rest, *own)


def test_the_page_draws_every_sequence_with_its_name(account: RunReport) -> None:
    html = section(page(account, embedding_map(sample_of([5, 4, 3, 2, 2, 1]))))
    picture = html.partition("</svg>")[0]
    assert len(re.findall(r"<(?:circle|path)", picture)) == 17
    assert picture.count("<path") == 1
    assert re.findall(r"<title>(.*?)</title>", picture)[0] == "p0 in 0.faa"
    assert "17 sequences, by the mean of layer 6." in html
    assert re.search(r"First principal component: \d\d\.\d% of the variance", html)
    assert re.search(r"Second principal component: \d\d?\.\d% of the variance", html)
    assert [name for name in ("0.faa (5)", "5.faa (1)") if name not in html] == []


def test_a_part_of_the_sequences_is_said_to_be_one(account: RunReport) -> None:
    problems = ("c.faa: there is no c_ESM.h5",)
    some = replace(sample_of([5, 5]), counts=(123_000, 456), problems=problems)
    html = section(page(account, embedding_map(some)))
    assert "10 of 123,456 sequences, by the mean of layer 6." in html
    assert "1 output left out. c.faa: there is no c_ESM.h5" in html


def test_hostile_names_stay_text(account: RunReport) -> None:
    ids = (HOSTILE, "\x1b[2J", "\ud800", "x" * 10_000)
    hostile = replace(sample_of([2, 2], names=[HOSTILE, "b.faa"]), ids=ids)
    html = page(account, embedding_map(hostile))
    assert html.count("<script>") == 1
    assert not re.search(r"[\0-\x08\x0b-\x1f\x7f\ud800-\udfff]", html)
    titles = [unescape(one) for one in re.findall(r"<title>(.*?)</title>", section(html))]
    assert len(titles) == 4
    assert titles[0].startswith(HOSTILE.replace("\0", r"\x00"))
    assert max(map(len, titles)) < 250


def test_a_control_character_in_any_name_does_not_reach_the_page(account: RunReport) -> None:
    html = page(account, 'a\0b\x1bc: <img src="x">')
    assert "No map: a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c: &lt;img" in html


def test_equal_vectors_have_no_map() -> None:
    sample = sample_of([3])
    sample.vectors[:] = 1.0
    with pytest.raises(UserError, match="the same"):
        embedding_map(sample)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "in").mkdir()
    for name in "ab":
        records = [f">{name}{number}\nMKV\n" for number in range(6)]
        (folder / "in" / f"{name}.faa").write_text("".join(records))
    return finish_run(folder / "in", folder / "out", ("h5",))


def reported(folder: Path, target: Path, *words: str) -> bytes:
    result = tui_balancer_here("report", folder, "--to", target, *words)
    assert (result.returncode, result.stderr) == (0, "")
    return target.read_bytes()


def test_a_report_of_the_same_outputs_has_the_same_bytes(run: Path, tmp_path: Path) -> None:
    first = reported(run, tmp_path / "a.html")
    assert first == reported(run, tmp_path / "b.html")
    assert section(first.decode()).count("<circle") == 12 + 2


def test_the_map_can_be_left_out(run: Path, tmp_path: Path) -> None:
    assert b'id="map"' not in reported(run, tmp_path / "page.html", "--no-map")


def test_without_outputs_the_page_says_why_there_is_no_map(tmp_path: Path) -> None:
    html = reported(told_run(tmp_path / "told"), tmp_path / "page.html").decode()
    (line,) = re.findall(r"No map: (.*)</p>", section(html))
    assert line.startswith("a.faa: there is no ")


def test_a_report_of_outputs_without_torch_imports_none(run: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from tui_balancer.cli.app import app; code = app.carry_out(sys.argv[1:]); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    words = ["report", str(run), "--to", str(tmp_path / "page.html")]
    subprocess.run([sys.executable, "-c", script, *words], check=True, timeout=60)
    assert "<circle" in (tmp_path / "page.html").read_text()
