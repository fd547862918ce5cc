"""Outputs appear whole, and what dead attempts left behind is swept."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from tui_balancer.outputs.atomic import publish, sha256_of, sweep_temporaries
from tui_balancer.outputs.layout import temporary_path


def test_publishing_replaces_an_older_output(tmp_path: Path) -> None:
    final = tmp_path / "a_ESM.pt"
    final.write_bytes(b"old")
    temporary = temporary_path(final, 2)
    temporary.write_bytes(b"new")
    publish(temporary, final)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a_ESM.pt": b"new"}


def test_the_name_is_synced_after_it_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "a_ESM.pt"
    temporary_path(final, 1).write_bytes(b"new")
    synced: list[tuple[bool, list[str]]] = []

    def note(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, os.listdir(descriptor)))

    monkeypatch.setattr(os, "fsync", note)
    publish(temporary_path(final, 1), final)
    assert synced == [(True, ["a_ESM.pt"])]


@pytest.mark.parametrize(("code", "raises"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, raises: bool
) -> None:
    def refuse(descriptor: int) -> None:
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


def test_sweeping_removes_leftovers_and_nothing_else(tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    leftovers = [run / "a_ESM.pt.1.tmp", run / "sub/b.fa_ESM.pt.12.tmp"]
    others = [
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
    assert sorted(sweep_temporaries(run)) == sorted(leftovers)
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in others)


def test_a_folder_is_published_in_the_place_of_an_older_one(tmp_path: Path) -> None:
    final = tmp_path / "a_ESM.esm"
    for name, path in (("old", final), ("new", temporary_path(final, 2))):
        path.mkdir()
        (path / name).touch()
    publish(temporary_path(final, 2), final)
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
    assert sorted(sweep_temporaries(tmp_path)) == leftovers
    assert {path.name for path in tmp_path.rglob("*")} == {"sub", "a_ESM.esm"}


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_the_checksum_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    data = random_bytes(size)
    (tmp_path / "file").write_bytes(data)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def random_bytes(size: int) -> bytes:
    return bytes(range(251)) * (size // 251) + bytes(size % 251)
