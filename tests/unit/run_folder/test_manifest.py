"""The files of a run as leases tell of them."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from tests.support.ledger_story import file
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.scheduler.model import PLAIN, Lease


def manifest(tmp_path: Path) -> Manifest:
    """A run of one file whose name has points, in two formats."""
    one = replace(file(0), output="plate.7/a.b_ESM.pt")
    return Manifest.of([one], tmp_path, ("virnucpro", "h5"))


def test_a_file_has_an_output_a_format_and_an_index(tmp_path: Path) -> None:
    run = manifest(tmp_path)
    assert run.output_names(0) == (
        "plate.7/a.b_ESM.pt",
        "plate.7/a.b_ESM.h5",
        "plate.7/a.b_ESM.tsv",
    )
    assert run.outputs(0) == tuple(tmp_path / name for name in run.output_names(0))


def test_what_is_read_ahead_has_no_outputs_yet(tmp_path: Path) -> None:
    run = manifest(tmp_path)
    lease = Lease(run.file_unit(0), "cpu:0", 3)
    (leased,) = run.task(lease).files
    assert [one.temporary.name for one in leased.outputs] == [
        "a.b_ESM.pt.3.tmp",
        "a.b_ESM.h5.3.tmp",
        "a.b_ESM.tsv.3.tmp",
    ]
    assert run.task(lease, to_write=False).files == (replace(leased, outputs=()),)


def test_a_file_that_shares_with_none_is_the_same_unit_everywhere(tmp_path: Path) -> None:
    files = [file(0), file(1), file(2)]
    files[1:] = [replace(one, unit=1, bundle=1) for one in files[1:]]
    run = Manifest.of(files, tmp_path)
    singles = [run.file_unit(number) for number in range(3)]
    alone, bundle = run.units(singles)
    assert alone is singles[0]
    assert all(part is one for part, one in zip(bundle.parts, singles[1:], strict=True))


def test_files_that_are_alike_share_their_traits(tmp_path: Path) -> None:
    outputs = ("a_ESM.pt", "b_ESM.pt", "a_ESMC.pt", "b_ESMC.pt")
    files = [replace(file(number), output=output) for number, output in enumerate(outputs)]
    run = Manifest.of(files, tmp_path, marks=("_ESM", "_ESMC"))
    traits = [run.file_unit(number).traits for number in range(4)]
    assert [one.model for one in traits] == [0, 0, 1, 1]
    assert traits[0] is traits[1] is PLAIN
    assert traits[2] is traits[3]
