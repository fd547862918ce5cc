"""The commands export, inspect and verify, for finished outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import RunFolder
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED
from tui_balancer.formatting import plural
from tui_balancer.inputs.text import terminal_safe

if TYPE_CHECKING:
    from tui_balancer.outputs.content import Stored
    from tui_balancer.outputs.formats import Format, FormatName

_SHOWN_ROWS = 5
_SHOWN_NUMBERS = 6
_SHOWN_VALUES = 4
_LONGEST_VALUE = 80


def export(
    output: RunFolder,
    /,
    *,
    format: Annotated[str, Parameter(help="As for run: one, or several separated by commas.")],
    to: Annotated[
        Path | None, Parameter(help="Another folder to write to, with the same subfolders.")
    ] = None,
    merge: Annotated[
        bool, flag(help="One file per format for the whole run: OUT/merged.h5 …")
    ] = False,
    overwrite: Annotated[bool, flag(help="Replace existing files; never folders.")] = False,
) -> int:
    """Write the finished outputs of a run in other formats.

    Writes the same bytes as the run itself with that --format, next to its outputs. Existing
    files, also those of an earlier export, are replaced only with --overwrite.
    """
    from tui_balancer.export.export import export
    from tui_balancer.outputs.formats import parse_formats

    if merge:
        if to is not None:
            raise UserError("--merge writes into the run folder: leave out --to")
        return merge_outputs(output, parse_formats(format), overwrite=overwrite)
    with _progress("writing") as on_file:
        report = export(output, parse_formats(format), to, on_file, overwrite=overwrite)
    print(f"{plural(report.outputs, 'output')} written of {plural(report.files, 'input')}")
    return _report(report.problems)


def merge_outputs(
    output: Path, formats: Sequence[FormatName] | None = None, *, overwrite: bool = False
) -> int:
    """Write the outputs of a run into one file per format, report, and return the exit code.

    Args:
        formats: As for `export.merge.merge`.
        overwrite: As for `export.merge.merge`.
    """
    from tui_balancer.export.merge import merge

    with _progress("merging") as on_file:
        merged = merge(output, formats, on_file, overwrite=overwrite)
    names = ", ".join(path.name for path in merged.paths)
    done = "merged" if merged.written_now else "merged before"
    what = f"{plural(merged.sequences, 'sequence')} of {plural(merged.files, 'input')}"
    print(f"{done}: {what} in {names}")
    if merged.left:
        verb = "has" if merged.left == 1 else "have"
        print(
            f"problem  {plural(merged.left, 'input')} {verb} no output and no place in the merged "
            "files: `tui-balancer verify` names them"
        )
    return EXIT_FAILED if merged.left else EXIT_DONE


def verify(output: RunFolder, /) -> int:
    """Check the outputs of a run against their checksums, their index and their inputs.

    Every vector in every format must be finite and unchanged, and the inputs must have as many
    sequences as there are vectors. Exit code 1 if something is wrong or not finished.
    """
    from tui_balancer.export.export import verify

    with _progress("verifying") as on_file:
        report = verify(output, on_file)
    print(
        f"{plural(report.outputs, 'output')} of {plural(report.files, 'input')} verified, "
        f"{plural(report.sequences, 'sequence')}"
    )
    return _report(report.problems)


def inspect(
    file: Annotated[Path, Parameter(name="FILE", help="An output in any format, or its index.")],
    /,
) -> int:
    """Show an output: its format and shape, how it was made, and the first rows."""
    from tui_balancer.outputs.content import reading
    from tui_balancer.outputs.formats import INDEX

    if file.suffix == INDEX.suffix:
        with reading(file), file.open(encoding="utf-8") as lines:
            for line in islice(lines, _SHOWN_ROWS + 1):
                print(terminal_safe(line.rstrip("\n").replace("\t", "  "), 160))
        return EXIT_DONE
    one, stored = _opened(file)
    kept = stored.kept
    size = f"{kept.numbers(0):,} numbers each" if kept.fixed else "of several sizes"
    print(f"{one.name}: {plural(len(stored.ids), 'sequence')}, {size}")
    if not kept.plain:
        print(f"  kept             {', '.join(part.name for part in kept.parts(0))}")
    for key, value in stored.metadata.items():
        shown = _shown(value)
        print(f"  {key:<16} {terminal_safe(shown, _LONGEST_VALUE)}")
    for id, vector in islice(zip(stored.ids, stored.vectors(), strict=False), _SHOWN_ROWS):
        numbers = " ".join(f"{number: .4f}" for number in vector[:_SHOWN_NUMBERS])
        more = " …" if len(vector) > _SHOWN_NUMBERS else ""
        print(f"{terminal_safe(id, 40)}  {numbers}{more}")
    return EXIT_DONE


def _shown(value: object) -> str:
    """Return a metadata value as short text; long lists of ids become a count."""
    if not isinstance(value, list):
        return str(value)
    if len(value) <= _SHOWN_VALUES:
        return ", ".join(map(str, value)) or "none"
    return f"{len(value):,} of them"


def _opened(file: Path) -> tuple[Format, Stored]:
    """Return an output's format and content; a `.pt` may be one of fair-esm's per-record files."""
    from tui_balancer.outputs.formats import FORMATS, format_of, reader

    one = format_of(file)
    try:
        return one, reader(one).read(file)
    except UserError as problem:
        if one is not FORMATS["virnucpro"] or not file.exists():
            raise
        esm = FORMATS["esm"]
        try:
            return esm, reader(esm).read(file)
        except UserError:
            raise problem from None


def _report(problems: tuple[str, ...]) -> int:
    """Print the problems, and return the exit code."""
    for problem in problems:
        print(f"problem  {terminal_safe(problem, 300)}")
    return EXIT_FAILED if problems else EXIT_DONE


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal while files are processed."""
    from tui_balancer.cli.progress import bar

    with bar(what) as update:
        yield lambda done, total: update(completed=done, total=total)
