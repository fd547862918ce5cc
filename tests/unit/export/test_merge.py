"""A whole run in one file: keys that no two sequences have, and `verify` that says so."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.finished_run import finish_run, vector_of
from tui_balancer.errors import UserError
from tui_balancer.export.export import verify
from tui_balancer.export.merge import merge
from tui_balancer.outputs.content import Content
from tui_balancer.outputs.index import read_index
from tui_balancer.outputs.sealing import Written, measure


def write_inputs(folder: Path, files: dict[str, list[str]]) -> Path:
    """Write FASTA files with these headers."""
    for name, headers in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f">{header}\nMKV\n" for header in headers))
    return folder


def merged_run(folder: Path, files: dict[str, list[str]]) -> Path:
    folder.mkdir(exist_ok=True)
    out = finish_run(write_inputs(folder / "in", files), folder / "out", ("npz",))
    merge(out, ("npz", "h5"))
    return out


def keys_of(out: Path) -> list[str]:
    with (out / "merged.tsv").open(newline="") as file:
        return [row["id"] for row in csv.DictReader(file, dialect="excel-tab")]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("merged")
    return (folder / str(number) for number in count())


@pytest.mark.parametrize(
    ("files", "keys"),
    [
        ({"a.fa": ["P1"], "b.fa": ["P2"]}, ["P1", "P2"]),
        ({"a.fa": ["P1", "q"], "sub/b.fa": ["P1"]}, ["a:P1", "q", "sub/b:P1"]),
        ({"a.fa": ["P1"], "b.fa": ["P1"], "c.fa": ["a:P1"]}, ["a:P1", "b:P1", "c:a:P1"]),
        (
            {"a.fa": ["P"], "b.fa": ["P"], "c.fa": ["a:P"], "d.fa": ["c:a:P", "e"]},
            ["a:P", "b:P", "c:a:P", "d:c:a:P", "e"],
        ),
        # A place and an id may meet in two ways.
        (
            {"a.fa": ["b:P", "P"], "a:b.fa": ["P", "b:P"]},
            ["a:b:P", "a:P", "a%3Ab:P", "a%3Ab:b:P"],
        ),
        ({"a%3A.fa": ["P"], "a:.fa": ["P"]}, ["a%253A:P", "a%3A:P"]),
    ],
)
def test_an_id_gets_its_input_s_place_where_it_is_not_alone(
    files: dict[str, list[str]], keys: list[str], tmp_path: Path
) -> None:
    out = merged_run(tmp_path, files)
    assert sorted(keys_of(out)) == sorted(keys)
    assert verify(out).problems == ()


ids = st.lists(st.sampled_from(["P", "a:P", "b:P", "a:a:P", "a:b:P", "a:b", "b", ":P", "a:"]))


@settings(deadline=None, max_examples=15)
@given(st.dictionaries(st.sampled_from(["a.fa", "b.fa", "a:b.fa", "a:b:P.fa"]), ids, min_size=1))
@example({"a.fa": ["P", "P"], "b.fa": ["P", "P_2"], "c.fa": ["a:P_2"]})
def test_no_key_is_there_twice_and_each_has_its_vector(
    places: Iterator[Path], files: dict[str, list[str]]
) -> None:
    files = {name: headers for name, headers in files.items() if headers} or {"a.fa": ["P"]}
    out = merged_run(next(places), files)
    keys = keys_of(out)
    assert len(set(keys)) == len(keys) == sum(map(len, files.values()))
    assert verify(out).problems == ()
    with (out / "merged.tsv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file, dialect="excel-tab")}
    with h5py.File(out / "merged.h5") as file, np.load(out / "merged.npz") as archive:
        by_key = {file[name].attrs.get("original_id", name): file[name][:] for name in file}
        assert archive["ids"].tolist() == keys == list(by_key)
        for key, vector in zip(keys, archive["embeddings"], strict=True):
            assert np.array_equal(vector, by_key[key])
            assert np.array_equal(vector, vector_of(rows[key]["header"], rows[key]["file"]))


def test_keys_do_not_depend_on_what_was_merged_before(tmp_path: Path) -> None:
    files = {"a.fa": ["P", "x"], "b.fa": ["P", "a:P"]}
    first, second = (merged_run(tmp_path / name, files) for name in "ab")
    merge(second, ("npz",))
    assert keys_of(first) == keys_of(second)
    assert (first / "merged.h5").read_bytes() == (second / "merged.h5").read_bytes()


def test_the_source_of_a_sequence_is_its_input_s_name_exactly(tmp_path: Path) -> None:
    names = ["sub/" + "n" * 180 + ".fa", "two\nlines.fa", "cr\r.fa", "tab\t.fa"]
    out = merged_run(tmp_path, {name: [f"p{n}"] for n, name in enumerate(names)})
    found = {entry.source for entry, _ in read_index(out / "merged.tsv")}
    assert found == set(names)
    assert verify(out).problems == ()


def forged(out: Path, name: str, change: dict[str, str]) -> None:
    """Write a merged table anew with other ids, and its checksum into the record."""
    record = json.loads((out / "merged.json").read_text())
    lines = (out / name).read_text().split("\n")
    rows = [line.split("\t") for line in lines]
    text = "\n".join("\t".join([change.get(row[0], row[0]), *row[1:]]) for row in rows)
    (out / name).write_text(text)
    written = measure(out / name)
    record["outputs"][name] = [written.sha256, written.bytes]
    (out / "merged.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"q": "a:P"}, "merged.tsv has the key a:P twice"),
        ({"q": "r"}, "merged.tsv has another row than the outputs: r. Merge again"),
    ],
)
def test_verify_finds_keys_and_rows_that_are_not_those_of_the_outputs(
    change: dict[str, str], problem: str, tmp_path: Path
) -> None:
    out = merged_run(tmp_path, {"a.fa": ["P", "q"], "b.fa": ["P"]})
    forged(out, "merged.tsv", change)
    problems = verify(out).problems
    assert any(problem in one for one in problems)
    assert any("merged.h5 has other sequences than its index" in one for one in problems)


def test_verify_compares_merged_vectors_with_those_of_the_outputs(tmp_path: Path) -> None:
    out = merged_run(tmp_path, {"a.fa": ["P", "q"]})
    with h5py.File(out / "merged.h5", "r+") as file:
        file["q"][2] = 1e6
    written = measure(out / "merged.h5")
    record = json.loads((out / "merged.json").read_text())
    record["outputs"]["merged.h5"] = [written.sha256, written.bytes]
    (out / "merged.json").write_text(json.dumps(record))
    assert verify(out).problems == ("merged.h5: the vector of q is not the one of the index",)


def test_merged_files_of_other_formats_are_told_to_be_older(tmp_path: Path) -> None:
    out = merged_run(tmp_path, {"a.fa": ["P"]})
    record = json.loads((out / "merged.json").read_text())
    record["sources"] = "of an earlier state of the run"
    (out / "merged.json").write_text(json.dumps(record))
    assert verify(out).problems == (
        "merged.json: outputs changed since the merge. Merge again with export --merge",
    )
    merge(out, ("npz",))
    assert verify(out).problems == (
        "merged.h5 is older than the outputs, or not complete. Merge again with export --merge",
    )
    assert merge(out, ("npz", "h5")).written_now
    assert verify(out).problems == ()
    assert not merge(out, ("h5",)).written_now


def test_a_merge_that_was_cut_off_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    out = finish_run(write_inputs(tmp_path / "in", {"a.fa": ["P"]}), tmp_path / "out", ("npz",))

    class Gone(Exception):
        pass

    def die(path: Path, content: Content) -> Written:
        raise Gone

    with monkeypatch.context() as patch:
        patch.setattr("tui_balancer.outputs.index.write", die)
        with pytest.raises(Gone):
            merge(out)
    assert (out / "merged.npz").exists()
    assert len(verify(out).problems) == 2
    assert merge(out).written_now
    assert verify(out).problems == ()


@pytest.mark.parametrize("name", ["merged.npz", "merged.tsv", "merged.json"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_somebody_else_s_file_is_not_merged_over(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    out = finish_run(write_inputs(tmp_path / "in", {"a.fa": ["P"]}), tmp_path / "out", ("npz",))
    theirs, target = out / name, tmp_path / "target"
    target.write_text("theirs")
    if kind == "file":
        theirs.write_text("theirs")
    elif kind == "link":
        theirs.symlink_to(target)
    else:
        theirs.mkdir()
        (theirs / "x").touch()
    with pytest.raises(UserError, match=f"in the way of outputs: .*{name}. Replace"):
        merge(out)
    assert {path.name for path in out.glob("merged*")} == {name}
    if kind == "folder":
        with pytest.raises(UserError, match="--overwrite replaces no folder"):
            merge(out, overwrite=True)
        assert (theirs / "x").exists()
    else:
        assert merge(out, overwrite=True).written_now
        assert not theirs.is_symlink()
        assert verify(out).problems == ()
    assert target.read_text() == "theirs"
