"""Tables with tabs between the columns, which read back exactly whatever the fields hold.

Written as Python's `csv.reader(file, "excel-tab")` reads them, with line feeds at the ends of
lines. Python's own writer leaves a carriage return without quotes before 3.13, and its reader
takes that for the end of a line.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

_QUOTED = re.compile(r'[\t\n\r"]')


def row_of(values: Iterable[object]) -> str:
    """Return a row, with the end of its line."""
    return "\t".join(map(_field, values)) + "\n"


def write_row(file: TextIO, values: Iterable[object]) -> None:
    """Write a row; the file must be open with `newline=""`."""
    file.write(row_of(values))


def read_rows(file: TextIO) -> Iterator[dict[str, str]]:
    """Yield the rows by the names in the first line; the file must be open with `newline=""`."""
    # A header of NCBI's nr may have more than the 131,072 letters that are allowed by default.
    csv.field_size_limit(sys.maxsize)
    return csv.DictReader(file, dialect="excel-tab", strict=True)


def _field(value: object) -> str:
    text = str(value)
    if not _QUOTED.search(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
