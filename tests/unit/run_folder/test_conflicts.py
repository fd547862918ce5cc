"""Other people's files stop a run before any work; only files are ever replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.finished_run import finish_run
from tui_balancer.errors import UserError
from tui_balancer.export.export import export
from tui_balancer.ledger.lock import LOCK_NAME
from tui_balancer.outputs.dereplication import PLAN_FOLDER
from tui_balancer.outputs.formats import FormatName
from tui_balancer.run.prepare import checking as module
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.run.prepare.resume import Resuming
from tui_balancer.run_folder.names import ATTACH_FILE
from tui_balancer.settings import OutputSettings, RunSettings


class Reached(Exception):
    """The preparation came as far as the model."""


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_arguments: object) -> None:
        raise Reached

    monkeypatch.setattr(module, "preflight", load)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "b", "c", "sub/d"):
        (folder / f"{name}.fasta").write_text(f">{name}\nMKV\n")
    return folder


def prepared(
    inputs: Path,
    out: Path,
    formats: tuple[FormatName, ...] = ("virnucpro",),
    *,
    overwrite: bool = False,
    merge: bool = False,
    resuming: Resuming | None = Resuming(),  # noqa: B008 - frozen
) -> str:
    """Return why a run is refused; nothing where it came as far as its model."""
    settings = RunSettings(
        (str(inputs),),
        out,
        "untrained:esm2_t6_8M_UR50D",
        outputs=OutputSettings(formats, merge),
        overwrite=overwrite,
    )
    try:
        prepare(settings, resuming=resuming)
    except Reached:
        return ""
    except UserError as problem:
        return str(problem)
    raise AssertionError("a model was loaded")


def put(path: Path) -> None:
    """Put a file at a path, or a folder that ends with a slash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("theirs")


IN_THE_WAY = [
    "a_ESM.pt",
    "sub/d_ESM.tsv",
    "a_ESM.pt.3.tmp",
    "a_ESM.tsv.3.tmp",
    "b_ESM.pt.partial",
    "b_ESM.pt.2.partial",
    "c_ESM.shard4",
    "c_ESM.shard4.partial",
    PLAN_FOLDER,
    ATTACH_FILE,
]


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_a_file_where_an_output_belongs_stops_the_run(
    name: str, inputs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    put(out / name)
    refusal = prepared(inputs, out)
    assert refusal.startswith(f"files are in the way of outputs: {out}")
    assert refusal.endswith(f"{name}. Replace them with --overwrite, or choose another folder")
    assert [path for path in out.rglob("*") if path.is_file()] == [out / name]
    assert prepared(inputs, out, overwrite=True) == ""
    assert prepared(inputs, out, resuming=None) == ""


@pytest.mark.parametrize(
    "name", ["a_ESM.esm", "a_ESM.esm.1.tmp", "a_ESM.tsv", PLAN_FOLDER, ATTACH_FILE]
)
def test_a_folder_is_never_replaced(name: str, inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out / name / "file")
    assert "files are in the way" in prepared(inputs, out, ("esm",))
    refusal = prepared(inputs, out, ("esm",), overwrite=True)
    assert refusal.startswith("folders are in the way of outputs: ")
    assert f"{name}. --overwrite replaces no folder: move them away" in refusal


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_with_the_name_of_the_lock_is_never_replaced(
    inputs: Path, tmp_path: Path, overwrite: bool
) -> None:
    out = tmp_path / "out"
    put(out / LOCK_NAME)
    refusal = prepared(inputs, out, overwrite=overwrite)
    assert refusal.startswith(f"{out / LOCK_NAME} is not a lock file of tui-balancer")
    assert (out / LOCK_NAME).read_text() == "theirs"


def test_links_are_somebody_else_s_wherever_they_lead(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a_ESM.pt").symlink_to(tmp_path / "nowhere")
    (out / "b_ESM.pt").symlink_to(inputs, target_is_directory=True)
    assert "a_ESM.pt" in prepared(inputs, out)
    assert prepared(inputs, out, overwrite=True) == ""


@pytest.mark.parametrize("name", ["merged.h5", "merged.tsv", "merged.json"])
def test_merged_files_count_where_they_would_be_written(
    name: str, inputs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    put(out / name)
    assert prepared(inputs, out, ("h5",)) == ""
    assert name in prepared(inputs, out, ("h5",), merge=True)
    assert prepared(inputs, out, ("h5",), merge=True, overwrite=True) == ""


def test_other_files_are_in_nobody_s_way(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("notes.txt", "a_ESM.h5", "e_ESM.pt", "a_ESM.pt.tmp", "sub/a_ESM.pt", "merged.pt"):
        put(out / name)
    assert prepared(inputs, out) == ""
    assert prepared(inputs, tmp_path / "new") == ""


def test_the_first_three_are_named_and_the_rest_is_counted(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("a", "b", "c", "sub/d"):
        put(out / f"{name}_ESM.pt")
        put(out / f"{name}_ESM.tsv")
    refusal = prepared(inputs, out)
    assert refusal.count("_ESM.") == 3
    assert "and 5 more. Replace them" in refusal


def test_a_file_where_a_folder_of_outputs_belongs_stops_the_run_in_any_case(
    inputs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    put(out / "sub")
    for overwrite in (False, True):
        assert "/sub is not a folder" in prepared(inputs, out, overwrite=overwrite)


def test_the_outputs_of_a_run_without_its_ledger_are_nobody_s(inputs: Path, tmp_path: Path) -> None:
    out = finish_run(inputs, tmp_path / "out")
    (out / "ledger.sqlite").unlink()
    assert "and 5 more" in prepared(inputs, out)
    assert prepared(inputs, out, overwrite=True) == ""


def test_a_run_that_goes_on_is_not_stopped_by_its_own_outputs(inputs: Path, tmp_path: Path) -> None:
    (inputs / "bad.fasta").write_text(">bad\n1\n")
    out = finish_run(inputs, tmp_path / "out")
    # The input failed, and is not tried again.
    put(out / "bad_ESM.pt")
    assert prepared(inputs, out) == ""
    assert "bad_ESM.pt" in prepared(inputs, out, resuming=Resuming(retry_failed=True))


def test_exports_replace_nothing_unless_asked_to(inputs: Path, tmp_path: Path) -> None:
    out, elsewhere = finish_run(inputs, tmp_path / "out"), tmp_path / "elsewhere"
    put(out / "a_ESM.npz")
    put(elsewhere / "sub" / "d_ESM.npz")
    for target, there in ((None, out / "a_ESM.npz"), (elsewhere, elsewhere / "sub/d_ESM.npz")):
        with pytest.raises(UserError, match=r"in the way of outputs: .*_ESM\.npz\. Replace"):
            export(out, ("virnucpro", "npz"), target)
        assert there.read_text() == "theirs"
    assert len(list(elsewhere.rglob("*.*"))) == 1
    assert export(out, ("npz",), overwrite=True).problems == ()
    assert export(out, ("virnucpro", "npz"), elsewhere, overwrite=True).outputs == 8
    # What the run wrote itself is left alone, and in nobody's way.
    assert export(out, ("virnucpro",)).outputs == 0


def test_an_exported_folder_is_never_replaced(inputs: Path, tmp_path: Path) -> None:
    out = finish_run(inputs, tmp_path / "out")
    assert export(out, ("esm",)).outputs == 4
    (out / "a_ESM.esm" / "mine").touch()
    with pytest.raises(UserError, match="--overwrite replaces no folder"):
        export(out, ("esm",), overwrite=True)
    assert (out / "a_ESM.esm" / "mine").exists()
