"""`models`: a row for each model, as many columns as there is room for, and JSON."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from tests.json_tables import LISTED, rows
from tests.manual import MODELS_PAGE, with_fields
from tests.support.commands import tui_balancer_here
from tui_balancer.cli.console import PIPED_WIDTH
from tui_balancer.cli.model_table import COLUMNS, model_table
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.run.lab.model_list import ListedModel, WorkerMemory


def model(name: str) -> ListedModel:
    """Return a model whose cells are as wide as they become."""
    shape = MODELS[name]
    return ListedModel(
        name=name,
        family="ESM-1/1b/1v",
        reads="nucleotide",
        parameters=shape.weights,
        layers=shape.layers,
        width=shape.width,
        longest=shape.longest,
        max_length=1022,
        licence="CC-BY-NC-SA-4.0",
        memory=(WorkerMemory("fp32", 58 << 30), WorkerMemory("bf16", 87 << 30)),
        cached=False,
        precision="fp32",
        seconds=42_150.0,
        measured=False,
    )


ALL = [model(name) for name in MODELS]


def printed(width: int) -> tuple[list[str], set[str]]:
    """Return the lines of the table on a screen, and the headings that are left out."""
    table, left_out = model_table(ALL, width)
    console = Console(width=width, file=StringIO())
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines(), set(left_out)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 140, PIPED_WIDTH])
def test_a_model_is_one_row_with_the_columns_for_which_there_is_room(width: int) -> None:
    (heading, _, *lines), left_out = printed(width)
    assert [line.split()[0] for line in lines] == list(MODELS)
    assert max(map(len, (heading, *lines))) <= width
    shown = [one.heading for one in COLUMNS if one.heading not in left_out]
    assert heading.split() == " ".join(shown).split()
    for line, one in zip(lines, ALL, strict=True):
        cells = [column.cell(one) for column in COLUMNS if column.heading in shown]
        assert line.split() == " ".join(cells).split()


def test_eighty_columns_have_what_one_chooses_by_and_a_pipe_has_all() -> None:
    _, left_out = printed(80)
    assert left_out == {"family", "reads", "layers", "bf16 GiB", "licence"}
    assert printed(PIPED_WIDTH)[1] == set()


def test_the_command_prints_a_line_for_each_model_that_has_the_words() -> None:
    done = tui_balancer_here("models", "ankh", "--devices", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    heading, _, base, large, *_ = done.stdout.splitlines()
    assert heading.split()[:4] == ["model", "family", "reads", "params"]
    assert base.startswith("ankh-base ")
    assert large.startswith("ankh-large ")
    assert "CC-BY-NC-SA-4.0" in base


def test_words_that_no_model_has_are_a_mistake() -> None:
    done = tui_balancer_here("models", "xyzzy")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tui-balancer: no model matches 'xyzzy'")


def test_the_fields_that_are_printed_are_those_of_the_manual() -> None:
    done = tui_balancer_here("models", "DNABERT-S", "--devices", "cpu", "--json")
    printed = json.loads(done.stdout)
    assert printed["format"] == 1
    (one,) = printed["models"]
    of_a_model = {f"models[].{name}" for name in one}
    of_a_model |= {f"models[].memory[].{name}" for name in one["memory"][0]}
    told = {path for path, _, _ in rows(LISTED["models --json"])}
    assert told == {"format", "models", *of_a_model}


def test_the_manual_has_the_fields_of_the_program() -> None:
    text = MODELS_PAGE.read_text()
    assert with_fields(text, LISTED) == text, "run: python -m tests.manual"
    assert [path for path, _, about in rows(LISTED["models --json"]) if not about] == []
