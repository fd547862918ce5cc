"""Files, folders and globs become one ordered list of inputs without repeats."""

import builtins
import errno
import gzip
import io
import lzma
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.zstandard import zstd
from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.inputs.suffixes import split_suffix
from tui_balancer.notices import NoticeKind

FASTA = b">a\nMK\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in ["b.fasta", "a.faa", "sub/a.fa", "sub/deep/c.txt", "other/a.fa"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(FASTA)
    return root


def names(*patterns: str | Path) -> list[str]:
    return [file.name for file in find_inputs(patterns)]


def test_a_folder_is_searched_to_the_bottom_in_sorted_order(tree: Path) -> None:
    assert names(tree) == ["a.faa", "b.fasta", "other/a.fa", "sub/a.fa", "sub/deep/c.txt"]


def test_an_input_knows_its_absolute_path_and_its_mirrored_place(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree.parent)
    last = find_inputs(["data"])[-1]
    assert last.path == tree / "sub/deep/c.txt"
    assert (str(last.relative), last.suffix) == ("sub/deep/c", ".txt")


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["data/*.f*"], ["a.faa", "b.fasta"]),
        (["data/*/a.fa"], ["other/a.fa", "sub/a.fa"]),
        (["data/**/*.fa"], ["other/a.fa", "sub/a.fa"]),
        (["data/s?b"], ["sub/a.fa", "sub/deep/c.txt"]),
        (["data/**"], ["a.faa", "b.fasta", "other/a.fa", "sub/a.fa", "sub/deep/c.txt"]),
        (["data/sub", "data/other"], ["sub/a.fa", "sub/deep/c.txt", "other/a.fa"]),
        (["data/b.fasta", "data/a.faa"], ["b.fasta", "a.faa"]),
        (["data/sub/../b.fasta"], ["b.fasta"]),
    ],
)
def test_patterns_stand_for_files(
    tree: Path, monkeypatch: pytest.MonkeyPatch, patterns: list[str], found: list[str]
) -> None:
    monkeypatch.chdir(tree.parent)
    assert names(*patterns) == found


def test_a_file_is_not_taken_twice(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    (tree / "sub/link.fa").symlink_to(tree / "b.fasta")
    again: list[str | Path] = [
        "b.fasta",
        "./b.fasta",
        tree / "b.fasta",
        "*.fasta",
        "sub/../b.fasta",
        "sub/link.fa",
    ]
    assert names(*again) == ["b.fasta"]


def test_in_a_folder_or_a_glob_a_file_goes_by_its_own_name_rather_than_a_link_s(tree: Path) -> None:
    (tree / "a-link.fasta").symlink_to(tree / "b.fasta")
    (tree / "a-folder").symlink_to(tree / "sub", target_is_directory=True)
    assert names(tree / "*.fasta") == ["b.fasta"]
    assert names(tree) == ["a.faa", "b.fasta", "other/a.fa", "sub/a.fa", "sub/deep/c.txt"]


def test_links_out_of_the_folder_are_followed_under_their_own_names(
    tree: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.fa").write_bytes(FASTA)
    (tree / "other/linked").symlink_to(elsewhere, target_is_directory=True)
    assert names(tree / "other") == ["a.fa", "linked/x.fa"]


def test_hard_links_are_files_of_their_own(tree: Path) -> None:
    os.link(tree / "other/a.fa", tree / "other/b.fa")
    assert names(tree / "other") == ["a.fa", "b.fa"]


def test_loops_of_links_end(tree: Path) -> None:
    for place in ["loop1", "loop2", "sub/up", "sub/deep/top"]:
        (tree / place).symlink_to(tree, target_is_directory=True)
    (tree / "self").symlink_to(tree / "self")
    assert names(tree) == ["a.faa", "b.fasta", "other/a.fa", "sub/a.fa", "sub/deep/c.txt"]
    assert names(tree / "**/*.fa") == ["other/a.fa", "sub/a.fa"]


def test_a_link_that_leads_nowhere_is_an_input_if_it_claims_fasta(tree: Path) -> None:
    (tree / "other/lost.fasta").symlink_to(tree / "moved away")
    (tree / "other/lost.notes").symlink_to(tree / "moved away")
    assert names(tree / "other") == ["a.fa", "lost.fasta"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain", FASTA),
        ("strange.suffix", b"\n\n>a\nMK\n"),
        ("bom.data", b"\xef\xbb\xbf>a\nMK\n"),
        ("notes.txt", b"; made by hand\r\n\xef\xbb\xbf;\n\n>a\nMK\n"),
        ("wide.txt", ">a\nMK\n".encode("utf-16")),
        ("wide.be", ">a\nMK\n".encode("utf-16-be")),
        ("wider.gz", gzip.compress(">a\nMK\n".encode("utf-32"), mtime=0)),
        ("packed", gzip.compress(FASTA, mtime=0)),
        ("damaged", gzip.compress(FASTA, mtime=0) + b"rest"),
        ("lost.faa.gz", gzip.compress(FASTA, mtime=0)[:9]),
        ("twice.faa.gz", gzip.compress(gzip.compress(FASTA, mtime=0), mtime=0)),
        ("joined.zst", b"\x50\x2a\x4d\x18\0\0\0\0" + zstd.compress(FASTA)),
        ("packed.too", lzma.compress(FASTA)),
        ("empty.fasta", b""),
        ("page.faa.ZST", b"<html>not found</html>"),
        ("page.FA.GZ", b"<html>not found</html>"),
    ],
)
def test_a_folder_s_file_is_an_input_by_its_content_or_if_it_claims_to_be(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("README.txt", b"Proteins of 2024", NoticeKind.NOT_FASTA),
        ("table.tsv", b"a\tb\n", NoticeKind.NOT_FASTA),
        ("settings.ini", b"; a comment\n[section]\n", NoticeKind.NOT_FASTA),
        ("wide.txt", "Proteins > genes".encode("utf-16"), NoticeKind.NOT_FASTA),
        ("twice.gz", gzip.compress(gzip.compress(FASTA, mtime=0), mtime=0), NoticeKind.ARCHIVE),
        ("a_ESM.pt", b"PK\x03\x04", NoticeKind.NOT_FASTA),
        ("a.zip", b"PK\x03\x04", NoticeKind.ARCHIVE),
        ("a.TGZ", gzip.compress(b"\0" * 512, mtime=0), NoticeKind.ARCHIVE),
        ("ledger.sqlite", b"SQLite format 3\0", NoticeKind.NOT_FASTA),
        ("reads.fastq", b"@r\nACGT\n+\nIIII\n", NoticeKind.NOT_FASTA),
        ("archive.tar.gz", gzip.compress(b"\0" * 512, mtime=0), NoticeKind.ARCHIVE),
        ("broken.gz", b"\x1f\x8b\x08", NoticeKind.DAMAGED),
        ("empty", b"", NoticeKind.NOT_FASTA),
        (".hidden.fa", FASTA, NoticeKind.HIDDEN),
    ],
)
def test_what_lies_beside_the_inputs_in_a_folder_is_left_out_and_told(
    tmp_path: Path, name: str, content: bytes, kind: NoticeKind
) -> None:
    (tmp_path / "a.fa").write_bytes(FASTA)
    (tmp_path / name).write_bytes(content)
    assert left_out(tmp_path) == (["a.fa"], [(kind, f"{tmp_path.name}/{name}")])


def left_out(*patterns: Path | str) -> tuple[list[str], list[tuple[NoticeKind, str]]]:
    """Return the names of the inputs, and what was left out."""
    told: list[tuple[NoticeKind, str]] = []
    found = find_inputs(patterns, lambda kind, name: told.append((kind, name)))
    return [file.name for file in found], sorted(told)


def test_what_is_no_file_in_a_folder_is_left_out_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for one in (folder / "sub/.git", folder / "sub/empty"):
        one.mkdir(parents=True)
    (folder / "a.fa").write_bytes(FASTA)
    (folder / "sub/.git/x.fa").write_bytes(FASTA)
    os.mkfifo(folder / "pipe.fa")
    (folder / "sub/to_pipe").symlink_to(folder / "pipe.fa")
    (folder / "sub/gone").symlink_to("nowhere")
    (folder / "sub/loop").symlink_to("loop")
    assert left_out(folder) == (
        ["a.fa"],
        [
            (NoticeKind.BROKEN_LINK, "in/sub/gone"),
            (NoticeKind.BROKEN_LINK, "in/sub/loop"),
            (NoticeKind.HIDDEN, "in/sub/.git"),
            (NoticeKind.SPECIAL, "in/pipe.fa"),
            (NoticeKind.SPECIAL, "in/sub/to_pipe"),
        ],
    )


def refusing(monkeypatch: pytest.MonkeyPatch, refused: Path) -> None:
    """Let nobody read a file or folder, not even root."""
    search, open_file = os.scandir, open

    def scandir(path: str | int) -> Any:
        # A descriptor is what Python removes folders by.
        if not isinstance(path, int) and Path(path) == refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        return search(path)

    def opened(path: str | Path | int, *how: Any, **more: Any) -> Any:
        if not isinstance(path, int) and Path(path) == refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_file(path, *how, **more)

    monkeypatch.setattr(os, "scandir", scandir)
    for module in (builtins, io):
        monkeypatch.setattr(module, "open", opened)


@pytest.mark.parametrize("name", ["closed.fa", "closed.dat", "closed"])
def test_a_file_that_cannot_be_read_is_an_input_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "a.fa").write_bytes(FASTA)
    (tmp_path / name).write_bytes(FASTA)
    refusing(monkeypatch, tmp_path / name)
    assert left_out(tmp_path) == (["a.fa", name], [])
    _, closed = scan(find_inputs([tmp_path]), ReadingRules())
    assert closed.error == "cannot be read: Permission denied"


def test_a_subfolder_that_cannot_be_searched_is_told_and_the_rest_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.fa").write_bytes(FASTA)
    (tmp_path / "closed").mkdir()
    refusing(monkeypatch, tmp_path / "closed")
    assert left_out(tmp_path) == (
        ["a.fa"],
        [(NoticeKind.UNREADABLE, f"{tmp_path.name}/closed")],
    )
    with pytest.raises(UserError, match="cannot search the folder"):
        find_inputs([tmp_path / "closed"])


def test_a_folder_without_an_input_says_what_it_has(tmp_path: Path) -> None:
    for name in ("a.zip", "b.tar", ".c", "notes.txt"):
        (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError) as refusal:
        find_inputs([tmp_path])
    assert str(refusal.value).endswith(
        "(files that do not begin like FASTA are left out: 1; archives are left out, unpack them "
        "first: 2; hidden files and folders are left out: 1)"
    )


def test_a_file_that_is_named_is_an_input_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_bytes(b"Proteins of 2024")
    assert names(tmp_path / "README.txt") == ["README.txt"]
    assert names(str(tmp_path / "*.txt")) == ["README.txt"]


def test_hidden_entries_are_left_out_unless_named(tree: Path) -> None:
    (tree / "other/.hidden.fa").write_bytes(FASTA)
    (tree / "other/.cache").mkdir()
    (tree / "other/.cache/x.fa").write_bytes(FASTA)
    assert names(tree / "other") == names(tree / "other/*") == ["a.fa"]
    assert names(tree / "other/**/*.fa") == ["a.fa"]
    assert names(tree / "other/.hidden.fa") == [".hidden.fa"]
    assert names(tree / "other/.h*") == [".hidden.fa"]


def test_a_name_with_glob_letters_is_that_file_first(tree: Path) -> None:
    (tree / "x[1].fa").write_bytes(FASTA)
    (tree / "x1.fa").write_bytes(FASTA)
    assert names(tree / "x[1].fa") == ["x[1].fa"]


def test_the_home_folder_is_expanded(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree))
    assert names("~/oth*/*.fa") == ["other/a.fa"]


def test_names_are_safe_to_print(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\n.fa").write_bytes(FASTA)
    assert names(tmp_path) == [r"a\x1b[2J\n.fa"]


@pytest.mark.parametrize(
    ("patterns", "reason"),
    [
        ([], "no input given"),
        ([""], "name is empty"),
        (["data/b.fasta", "data/missing.fa"], "no such file or folder: data/missing.fa"),
        (["data/*.nothing"], r"no such file or folder: data/\*.nothing"),
        (["data/empty"], "no FASTA file in the folder data/empty"),
        (["data/pipe"], "not a regular file: data/pipe"),
        (["bad\x1b[2J"], r"no such file or folder: bad\\x1b\[2J"),
        (["x" * 5000], "no such file or folder: x+…x+$"),
        (["nul\0"], "no such file or folder"),
    ],
)
def test_what_matches_nothing_is_the_user_s_error(
    tree: Path, monkeypatch: pytest.MonkeyPatch, patterns: list[str], reason: str
) -> None:
    monkeypatch.chdir(tree.parent)
    (tree / "empty").mkdir()
    (tree / "empty/notes.md").write_text("nothing here")
    os.mkfifo(tree / "pipe")
    with pytest.raises(UserError, match=reason) as refusal:
        find_inputs(patterns)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("a.fasta", "a", ".fasta"),
        ("a.b.FAA.gz", "a.b", ".FAA.gz"),
        ("sample.v2", "sample.v2", ""),
        ("sample.v2.gz", "sample.v2", ".gz"),
        ("notes.txt", "notes", ".txt"),
        ("a.fasta.fa", "a.fasta", ".fa"),
        (".fasta", ".fasta", ""),
        (".gz", ".gz", ""),
    ],
)
def test_only_suffixes_of_sequence_files_are_taken_off(name: str, stem: str, suffix: str) -> None:
    assert split_suffix(name) == (stem, suffix)
