"""Outputs mirror their inputs, never meet, and never leave the run folder."""

import os
import random
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.cli.inputs import STDIN_NAME
from tui_balancer.export.merged_record import RECORD_NAME
from tui_balancer.ledger.lock import LOCK_NAME
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.dereplication import PLAN_FOLDER
from tui_balancer.outputs.formats import FORMATS, INDEX
from tui_balancer.outputs.layout import (
    OUTPUT_SUFFIX,
    comparable,
    distinct_marks,
    marked_output,
    output_paths,
    shard_path,
    temporary_path,
)
from tui_balancer.run_folder.names import ATTACH_FILE


@dataclass(frozen=True)
class Place:
    relative: PurePath
    suffix: str = ".fasta"


def outputs(*places: tuple[str, str]) -> list[str]:
    return [str(path) for path in output_paths([Place(PurePath(p), s) for p, s in places])]


def test_the_tree_is_mirrored() -> None:
    assert outputs(("a", ".fasta"), ("sub/deep/a", ".faa.gz"), ("sub/b", "")) == [
        "a_ESM.pt",
        "sub/deep/a_ESM.pt",
        "sub/b_ESM.pt",
    ]


def test_inputs_of_one_stem_keep_their_suffixes() -> None:
    assert outputs(("a", ".fasta"), ("a", ".faa"), ("b", ".fasta")) == [
        "a.fasta_ESM.pt",
        "a.faa_ESM.pt",
        "b_ESM.pt",
    ]


def test_a_suffix_that_leads_to_a_third_input_s_output_leads_on_to_a_hash() -> None:
    first, second, third = outputs(("a", ".fa"), ("a", ".faa"), ("a.fa", ".fa"))
    assert second == "a.faa_ESM.pt"
    assert first.startswith("a.fa-")
    assert third == "a.fa.fa_ESM.pt"


def test_inputs_of_one_whole_name_are_told_apart_by_where_it_was_split() -> None:
    names = outputs(("a", ".fa.gz"), ("a", ".faa"), ("a.fa", ".gz"), ("a.fa", ".fa"))
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("one", "other"), [("Sample", "sample"), ("STRASSE", "straße"), ("caf\u00e9", "cafe\u0301")]
)
def test_names_that_a_file_system_may_take_for_one_are_kept_apart(one: str, other: str) -> None:
    first, second = outputs((one, ".fa"), (other, ".fa"))
    assert first.casefold() != second.casefold()
    assert first.startswith(f"{one}.fa-")
    assert second.startswith(f"{other}.fa-")


def test_a_folder_does_not_take_the_name_of_an_output() -> None:
    output, inner = outputs(("x", ".fa"), ("x_ESM.pt/y", ".fa"))
    assert output == "x_ESM.pt"
    assert PurePath(inner).parts[0] != output


@pytest.mark.parametrize(
    "name",
    [
        *(f"merged{one.suffix}" for one in (*FORMATS.values(), INDEX) if one.name != "esm"),
        *(f"{LEDGER_NAME}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")),
        *(LOCK_NAME, ATTACH_FILE, RECORD_NAME, STDIN_NAME, PLAN_FOLDER, "Merged.H5"),
    ],
)
def test_a_folder_does_not_take_the_name_of_a_file_of_the_run(name: str) -> None:
    top, below = (PurePath(path) for path in outputs((f"{name}/x", ".fa"), (f"a/{name}/x", ".fa")))
    assert top.parts[0].startswith(f"{name}-")
    assert below == PurePath("a", name, "x_ESM.pt")


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../../up",
        "..",
        "sub/../../up",
        "new\nline",
        "esc\x1b[2J",
        "bytes\udcff",
        "x" * 300,
        "蛋" * 300,
        "/".join(["deep" * 20] * 200),
        ".",
        "/",
    ],
)
def test_a_hostile_name_stays_inside_and_can_be_written(tmp_path: Path, name: str) -> None:
    (output,) = output_paths([Place(PurePath(name), ".\x1bfa")])
    final = tmp_path / output
    assert os.path.normpath(final) == str(final)
    assert final.is_relative_to(tmp_path)
    assert str(output).isprintable()
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary_path(final, 999_999).write_bytes(b"")


def test_an_input_that_is_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        outputs(("a", ".fa"), ("a", ".fa"))


names = st.one_of(
    st.text(alphabet=st.characters(exclude_characters="/\0"), max_size=12),
    st.sampled_from(["a", "A", "a.fa", "a_ESM.pt", "..", ".", "\n", "x" * 300]),
)
places = st.builds(
    lambda parts, anchor, suffix: Place(PurePath(anchor + "/".join(parts)), suffix),
    st.lists(names, min_size=1, max_size=4),
    st.sampled_from(["", "/", "//"]),
    st.sampled_from(["", ".fa", ".FA", ".fa.gz", ".faa"]),
)


@given(st.lists(places, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_any_inputs_have_outputs_of_their_own_inside_whatever_their_order(
    inputs: list[Place], rng: random.Random
) -> None:
    paths = output_paths(inputs)
    assert len({str(path).casefold() for path in paths}) == len(inputs)
    folders = {str(folder).casefold() for path in paths for folder in path.parents}
    for path in paths:
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert path.name.endswith(OUTPUT_SUFFIX)
        assert all(len(os.fsencode(part)) <= 230 for part in path.parts)
        assert str(path).casefold() not in folders
    shuffled = rng.sample(inputs, len(inputs))
    assert dict(zip(inputs, paths, strict=True)) == dict(
        zip(shuffled, output_paths(shuffled), strict=True)
    )


@given(
    st.lists(places, max_size=8, unique=True),
    st.lists(places, max_size=4, unique=True),
    st.sampled_from([".pt", ".h5"]),
)
def test_inputs_that_come_later_give_way_and_leave_the_others_where_they_are(
    first: list[Place], later: list[Place], suffix: str
) -> None:
    taken = {comparable(str(path)) for path in output_paths(first, suffix)}
    new = [one for one in later if one not in first]
    paths = output_paths(new, suffix, taken=taken)
    assert len({comparable(str(path)) for path in paths}) == len(new)
    assert taken.isdisjoint(comparable(str(path)) for path in paths)


def test_a_later_input_that_collides_keeps_its_suffix() -> None:
    taken = {comparable("A_ESM.pt")}
    (path,) = output_paths([Place(PurePath("a"), ".faa")], taken=taken)
    assert str(path) == "a.faa_ESM.pt"
    (path,) = output_paths([Place(PurePath("b"), ".faa")], taken=taken)
    assert str(path) == "b_ESM.pt"


def test_an_attempt_writes_beside_the_output_under_its_own_name(tmp_path: Path) -> None:
    final = tmp_path / "sub/a_ESM.pt"
    assert temporary_path(final, 3) == tmp_path / "sub/a_ESM.pt.3.tmp"


def test_another_format_changes_the_suffix_alone() -> None:
    inputs = [Place(PurePath(path), ".fa") for path in ("a", "A", "x_ESM.h5/b.c")]
    there = output_paths(inputs)
    assert output_paths(inputs, ".h5") == tuple(path.with_suffix(".h5") for path in there)
    assert str(there[2]).startswith("x_ESM.h5-")


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_an_output_tells_which_model_made_it(names: list[str]) -> None:
    marks = distinct_marks(names)
    places = [Place(PurePath(f"x{mark}")) for mark in marks] + [Place(PurePath("x"))]
    paths = [output_paths(places, ".h5", mark) for mark in marks]
    every = {str(path).casefold() for of_one in paths for path in of_one}
    assert len(every) == len(places) * len(marks)
    for number, of_one in enumerate(paths):
        assert {marked_output(str(path), marks) for path in of_one} == {number}
        assert {marked_output(str(shard_path(path, 3)), marks) for path in of_one} == {number}


def test_models_of_one_name_are_numbered_and_signs_are_left_out() -> None:
    assert distinct_marks(["ESM", "DNABERT_S"]) == ("_ESM", "_DNABERT_S")
    assert distinct_marks(["my model.v2", "my model.v2"]) == ("_my_model_v2", "_my_model_v2-2")
    assert distinct_marks(["a_8M", "8M"]) == ("_a_8M", "_8M-2")
