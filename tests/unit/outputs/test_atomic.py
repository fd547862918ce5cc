"""Outputs appear whole, and what dead attempts left behind is swept."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from tui_balancer.outputs.atomic import Replace, place, publish, settle, sweep_temporaries
from tui_balancer.outputs.layout import temporary_path
from tui_balancer.outputs.sealing import sha256_of, sync


def test_publishing_replaces_an_older_output(tmp_path: Path) -> None:
    final = tmp_path / "a_ESM.pt"
    final.write_bytes(b"old")
    temporary = temporary_path(final, 2)
    temporary.write_bytes(b"new")
    publish(temporary, final, Replace.OLDER)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a_ESM.pt": b"new"}


def is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def test_the_name_is_synced_after_it_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "a_ESM.pt"
    temporary_path(final, 1).write_bytes(b"new")
    synced: list[list[str]] = []

    def note(descriptor: int) -> None:
        synced.append(sorted(os.listdir(descriptor)) if is_folder(descriptor) else [])

    monkeypatch.setattr(os, "fsync", note)
    publish(temporary_path(final, 1), final)
    # The other name goes after that: who finds it alone knows that nothing was published.
    assert synced == [[], ["a_ESM.pt", "a_ESM.pt.1.tmp"]]
    assert [path.name for path in tmp_path.iterdir()] == ["a_ESM.pt"]


@pytest.mark.parametrize(("code", "raises"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, raises: bool
) -> None:
    def refuse(descriptor: int) -> None:
        if is_folder(descriptor):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    final = tmp_path / "a_ESM.pt"
    temporary_path(final, 1).write_bytes(b"new")
    if raises:
        with pytest.raises(OSError, match="Input/output error"):
            publish(temporary_path(final, 1), final)
    else:
        publish(temporary_path(final, 1), final)
        assert final.read_bytes() == b"new"


def test_outputs_that_are_placed_together_take_one_sync_of_each_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finals = [tmp_path / "sub" / "a_ESM.pt", tmp_path / "b_ESM.pt", tmp_path / "c_ESM.pt"]
    placed = [(temporary_path(final, 1), final) for final in finals]
    finals[0].parent.mkdir()
    for temporary, final in placed:
        temporary.touch()
        place(temporary, final)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    settle(placed)
    assert synced == [(tmp_path / "sub").stat().st_ino, tmp_path.stat().st_ino]
    assert everything(tmp_path) == ["b_ESM.pt", "c_ESM.pt", "sub", "sub/a_ESM.pt"]


def test_a_folder_is_synced_with_everything_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "a_ESM.esm"
    for path in (output / "index.tsv", output / "00000" / "p.pt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    sync(output)
    assert synced == {path.stat().st_ino for path in (output, *output.rglob("*"))}


def test_sweeping_removes_leftovers_and_nothing_else(tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    leftovers = [
        run / "a_ESM.h5.1.tmp",
        run / "a_ESM.pt.1.tmp",
        run / "a_ESM.shard2.1.tmp",
        run / "merged_ESM.json.0.tmp",
        run / "space_ESM.pt.0.tmp",
        run / "sub/b.fa_ESM.pt.12.tmp",
    ]
    others = [
        # Of no output of the run.
        run / "b_ESM.pt.1.tmp",
        run / "other" / "a_ESM.pt.1.tmp",
        run / "sub" / "merged_ESM.pt.0.tmp",
        run / "a_ESM.pt",
        run / "notes.tmp",
        run / "mine.1.tmp",
        run / "a_ESM.pt.tmp",
        run / "a_ESM.pt.1.tmp.txt",
        elsewhere / "a_ESM.pt.1.tmp",
    ]
    for path in [*leftovers, *others]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (run / "link").symlink_to(elsewhere, target_is_directory=True)
    outputs = ["a_ESM.pt", "sub/b.fa_ESM.pt"]
    assert sorted(sweep_temporaries(run, outputs)) == sorted(leftovers)
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in others)


def test_a_folder_is_published_in_the_place_of_an_older_one(tmp_path: Path) -> None:
    final = tmp_path / "a_ESM.esm"
    for name, path in (("old", final), ("new", temporary_path(final, 2))):
        path.mkdir()
        (path / name).touch()
    publish(temporary_path(final, 2), final, Replace.OLDER)
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == [
        "a_ESM.esm",
        "a_ESM.esm/new",
    ]


def test_folders_left_behind_are_swept_as_a_whole(tmp_path: Path) -> None:
    # An attempt that died, and a folder that was being replaced.
    leftovers = [tmp_path / "a_ESM.esm.3.tmp", tmp_path / "sub" / "a_ESM.esm.0.tmp"]
    for path in leftovers:
        (path / "00000").mkdir(parents=True)
        (path / "00000" / "x.pt").touch()
    (tmp_path / "sub" / "a_ESM.esm").mkdir()
    assert sorted(sweep_temporaries(tmp_path, ["a_ESM.esm", "sub/a_ESM.esm"])) == leftovers
    assert {path.name for path in tmp_path.rglob("*")} == {"sub", "a_ESM.esm"}


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_the_checksum_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    data = random_bytes(size)
    (tmp_path / "file").write_bytes(data)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def random_bytes(size: int) -> bytes:
    return bytes(range(251)) * (size // 251) + bytes(size % 251)


def make(path: Path, kind: str) -> None:
    """Put something of somebody else's at a path."""
    if kind == "file":
        path.write_text("theirs")
    elif kind == "link":
        path.symlink_to(path.with_name("nowhere"))
    elif kind == "link to a folder":
        path.with_name("theirs").mkdir()
        path.symlink_to(path.with_name("theirs"))
    else:
        path.mkdir()
        if kind == "folder":
            (path / "theirs").touch()


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def written(folder: Path, kind: str) -> tuple[Path, Path]:
    """Write an output, a file or a folder, and return where it is and where it belongs."""
    final = folder / "a_ESM.pt"
    make(temporary_path(final, 1), kind)
    return temporary_path(final, 1), final


KINDS = ["file", "link", "link to a folder", "empty folder", "folder"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
@pytest.mark.parametrize("there", KINDS)
@pytest.mark.parametrize("new", ["file", "folder"])
def test_what_is_somebody_else_s_is_never_replaced(
    new: str, there: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, final = written(tmp_path, new)
    make(final, there)
    before = everything(tmp_path)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileExistsError):
        publish(temporary, final)
    assert everything(tmp_path) == before


def no_links(*_paths: object, **_options: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
@pytest.mark.parametrize("new", ["file", "folder"])
def test_an_output_comes_where_nothing_is(
    new: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, final = written(tmp_path, new)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    publish(temporary, final)
    assert everything(tmp_path) == ["a_ESM.pt", *(["a_ESM.pt/theirs"] if new == "folder" else [])]
    assert final.lstat().st_nlink == 1 or new == "folder"


@pytest.mark.parametrize("there", KINDS)
@pytest.mark.parametrize("new", ["file", "folder"])
def test_files_and_links_may_be_replaced_but_no_folder(
    new: str, there: str, tmp_path: Path
) -> None:
    temporary, final = written(tmp_path, new)
    make(final, there)
    before = everything(tmp_path)
    if "folder" in there and "link" not in there:
        with pytest.raises(FileExistsError):
            publish(temporary, final, Replace.FILES)
        assert everything(tmp_path) == before
        return
    publish(temporary, final, Replace.FILES)
    assert final.is_dir() is (new == "folder")
    assert not final.is_symlink()
    # Where a link led is as it was.
    assert ("theirs" in everything(tmp_path)) is (there == "link to a folder")


def test_a_folder_is_no_older_output_of_a_file(tmp_path: Path) -> None:
    temporary, final = written(tmp_path, "file")
    make(final, "folder")
    with pytest.raises(FileExistsError):
        publish(temporary, final, Replace.OLDER)
    assert (final / "theirs").exists()


def test_publishing_again_after_the_disk_failed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, final = written(tmp_path, "file")

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space left"):
            publish(temporary, final)
    publish(temporary, final)
    assert everything(tmp_path) == ["a_ESM.pt"]
