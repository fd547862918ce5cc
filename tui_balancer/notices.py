"""Warnings: their kinds, counts and first examples.

Code decides on kinds and counts; `notice_line` makes the words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from tui_balancer.formatting import count, plural

EXAMPLES: Final = 3
"""Number of examples per kind in a run."""


class NoticeKind(str, Enum):
    """What a warning is about; the words are stable, the ledger and `report --json` have them."""

    RUN = "run"
    TRUNCATED = "truncated"
    WINDOWED = "windowed"
    TOO_LONG = "too_long"
    REPLACED = "replaced"
    AMBIGUOUS = "ambiguous"
    URACIL = "uracil"
    EMPTY = "empty"
    REPEATED_ID = "repeated_id"
    COMMENT = "comment"
    BYTE_ORDER_MARK = "byte_order_mark"
    HEADER_BYTES = "header_bytes"
    AMINO_ACIDS = "amino_acids"
    NUCLEOTIDES = "nucleotides"
    SHORT_NUCLEOTIDES = "short_nucleotides"
    THREE_LETTER = "three_letter"
    SECONDARY_STRUCTURE = "secondary_structure"
    STRUCTURE = "structure"
    STRUCTURE_TOKENS = "structure_tokens"
    PIR = "pir"
    WORDS = "words"
    ID_AS_SEQUENCE = "id_as_sequence"
    NOT_FASTA = "not_fasta"
    ARCHIVE = "archive"
    DAMAGED = "damaged"
    HIDDEN = "hidden"
    UNREADABLE = "unreadable"
    BROKEN_LINK = "broken_link"
    SPECIAL = "special"
    OUT_OF_MEMORY = "out_of_memory"


SUSPECT: Final = frozenset(
    {
        NoticeKind.AMINO_ACIDS,
        NoticeKind.NUCLEOTIDES,
        NoticeKind.SHORT_NUCLEOTIDES,
        NoticeKind.THREE_LETTER,
        NoticeKind.SECONDARY_STRUCTURE,
        NoticeKind.STRUCTURE,
        NoticeKind.STRUCTURE_TOKENS,
        NoticeKind.PIR,
        NoticeKind.WORDS,
        NoticeKind.ID_AS_SEQUENCE,
    }
)
"""What may be no sequence that the model reads; `--strict` refuses files that have it."""


WORDS: Final[dict[NoticeKind, str]] = {
    NoticeKind.TRUNCATED: "sequences longer than --max-length are truncated",
    NoticeKind.WINDOWED: "sequences longer than --max-length are embedded in windows",
    NoticeKind.TOO_LONG: "sequences longer than --max-length are left out",
    NoticeKind.REPLACED: "letters outside the alphabet are read as X",
    NoticeKind.AMBIGUOUS: "ambiguity codes and X are read as N",
    NoticeKind.URACIL: "sequences of RNA are read as DNA, U as T",
    NoticeKind.EMPTY: "empty sequences are left out",
    NoticeKind.REPEATED_ID: "repeated ids are kept apart by a suffix",
    NoticeKind.COMMENT: "comment lines, which begin with ';', are skipped",
    NoticeKind.BYTE_ORDER_MARK: "byte-order marks inside a file are dropped",
    NoticeKind.HEADER_BYTES: "headers are not UTF-8, their other bytes are kept as \\x..",
    NoticeKind.SHORT_NUCLEOTIDES: "short sequences of A, C, G, T and U alone may be DNA or RNA",
    NoticeKind.AMINO_ACIDS: "sequences look like protein",
    NoticeKind.NUCLEOTIDES: "sequences look like DNA or RNA",
    NoticeKind.THREE_LETTER: "sequences look like three-letter codes",
    NoticeKind.SECONDARY_STRUCTURE: "sequences look like secondary structure",
    NoticeKind.STRUCTURE: "sequences in lower case look like structures in 3Di",
    NoticeKind.STRUCTURE_TOKENS: "sequences alternate in case, as SaProt's tokens do",
    NoticeKind.PIR: "headers look like PIR, where a title comes before the sequence",
    NoticeKind.WORDS: "sequences look like words",
    NoticeKind.ID_AS_SEQUENCE: "sequences are the same as their ids",
    NoticeKind.NOT_FASTA: "files that do not begin like FASTA are left out",
    NoticeKind.ARCHIVE: "archives are left out, unpack them first",
    NoticeKind.DAMAGED: "packed files that are damaged are left out",
    NoticeKind.HIDDEN: "hidden files and folders are left out",
    NoticeKind.UNREADABLE: "folders that cannot be searched are left out",
    NoticeKind.BROKEN_LINK: "links that lead nowhere are left out",
    NoticeKind.SPECIAL: "pipes, sockets and devices are left out",
    NoticeKind.OUT_OF_MEMORY: "sequences did not fit into memory and have no vectors",
}
"""What was found; of a `RUN` notice the text itself says that."""


_LONG = "--long sets whether long sequences are truncated, embedded in windows or left out"
_NUCLEOTIDES = "Translate them; if they are protein, --allow-nucleotide says so"
_CHECK = "Check the records; --strict refuses files that have such"
_REMOVE = "Nothing, if they are no inputs; else convert them to FASTA"

ADVICE: Final[dict[NoticeKind, str]] = {
    NoticeKind.RUN: "Nothing, unless the warning says so; the run continues",
    NoticeKind.TRUNCATED: _LONG,
    NoticeKind.WINDOWED: _LONG,
    NoticeKind.TOO_LONG: _LONG,
    NoticeKind.REPLACED: "Check the letters, if there are many",
    NoticeKind.AMBIGUOUS: "Nothing, unless there are many: the model has no token for them",
    NoticeKind.URACIL: "Nothing: the model knows DNA only",
    NoticeKind.EMPTY: "Restore the sequences, if they should be there",
    NoticeKind.REPEATED_ID: "Nothing: the outputs name both; make ids unique to keep them",
    NoticeKind.COMMENT: "Nothing, if they are comments",
    NoticeKind.BYTE_ORDER_MARK: "Nothing; files were joined that began with one",
    NoticeKind.HEADER_BYTES: "Save the file as UTF-8 to keep its headers readable",
    NoticeKind.AMINO_ACIDS: "Embed proteins in a run with a protein model",
    NoticeKind.NUCLEOTIDES: _NUCLEOTIDES,
    NoticeKind.SHORT_NUCLEOTIDES: _NUCLEOTIDES,
    NoticeKind.THREE_LETTER: _CHECK,
    NoticeKind.SECONDARY_STRUCTURE: _CHECK,
    NoticeKind.STRUCTURE: "Read structures with --as 3di, write proteins in upper case",
    NoticeKind.STRUCTURE_TOKENS: _CHECK,
    NoticeKind.PIR: _CHECK,
    NoticeKind.WORDS: _CHECK,
    NoticeKind.ID_AS_SEQUENCE: _CHECK,
    NoticeKind.NOT_FASTA: _REMOVE,
    NoticeKind.ARCHIVE: "Unpack them, and accept the files with --rescan",
    NoticeKind.DAMAGED: "Copy or download them again, and accept them with --rescan",
    NoticeKind.HIDDEN: "Nothing, if they are no inputs; else rename them",
    NoticeKind.UNREADABLE: "Change their permissions, and accept the files with --rescan",
    NoticeKind.BROKEN_LINK: "Restore what they lead to, and accept it with --rescan",
    NoticeKind.SPECIAL: "Nothing, if they are no inputs",
    NoticeKind.OUT_OF_MEMORY: "Free memory, then resume with --retry-failed",
}
"""What a person can do about it, in the imperative."""


REASONS: Final[dict[NoticeKind, str]] = {
    NoticeKind.SHORT_NUCLEOTIDES: "may be short DNA or RNA",
    NoticeKind.AMINO_ACIDS: "looks like protein",
    NoticeKind.NUCLEOTIDES: "looks like DNA or RNA",
    NoticeKind.THREE_LETTER: "looks like three-letter codes",
    NoticeKind.SECONDARY_STRUCTURE: "looks like secondary structure",
    NoticeKind.STRUCTURE: "is in lower case, as structures in 3Di are",
    NoticeKind.STRUCTURE_TOKENS: "alternates in case, as SaProt's tokens do",
    NoticeKind.PIR: "has a header that looks like PIR, where a title comes before the sequence",
    NoticeKind.WORDS: "looks like words",
    NoticeKind.ID_AS_SEQUENCE: "is the same as its id",
}
"""What is said of a single record where it fails its file."""


@dataclass(frozen=True, slots=True)
class Example:
    """One place that a warning is about; every text is safe to print.

    Attributes:
        file: The input.
        line: Of the record's header, from 1; None where no line is meant.
        record: Id of the record; empty where the file as a whole is meant.
        detail: What is there, where that is not clear from the kind.
    """

    file: str
    line: int | None = None
    record: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning.

    Attributes:
        text: In one line, without the examples.
        kind: What it is about.
        count: How often that was found.
        files: In how many files; 0 where it is about no file.
        examples: The first ones, `EXAMPLES` of them at most.
    """

    text: str
    kind: NoticeKind = NoticeKind.RUN
    count: int = 1
    files: int = 0
    examples: tuple[Example, ...] = ()


@dataclass(slots=True)
class _Found:
    count: int = 0
    files: int = 0
    examples: list[Example] = field(default_factory=list)


class Notices:
    """Adds up what is found in the files of a run; its size does not grow with their number."""

    def __init__(self, known: Collection[NoticeKind] = ()) -> None:
        """Begin with nothing.

        Args:
            known: Kinds of which no examples are wanted, because files before have enough.
        """
        self._known = known
        self._found: dict[NoticeKind, _Found] = {}

    def wants(self, kind: NoticeKind) -> bool:
        """Whether more examples of a kind are kept."""
        if kind in self._known:
            return False
        return kind not in self._found or len(self._found[kind].examples) < EXAMPLES

    def known(self) -> Collection[NoticeKind]:
        """Return the kinds that have enough examples."""
        return frozenset(kind for kind in self._found if not self.wants(kind))

    def add(self, kind: NoticeKind, number: int, examples: Iterable[Example] = ()) -> None:
        """Add what was found in a file.

        Args:
            kind: What.
            number: How often; at least once.
            examples: The first of them, if `wants` asked for them.
        """
        found = self._found.setdefault(kind, _Found())
        found.count += number
        found.files += 1
        found.examples = [*found.examples, *examples][:EXAMPLES]

    def join(self, other: Notices) -> None:
        """Add what was found in files that come after those here."""
        for kind, found in other._found.items():
            own = self._found.setdefault(kind, _Found())
            own.count += found.count
            own.files += found.files
            own.examples = [*own.examples, *found.examples][:EXAMPLES]

    def leave_out(self, kind: NoticeKind, name: str) -> None:
        """Add an entry of a folder that is no input; `name` is safe to print."""
        found = self._found.setdefault(kind, _Found())
        found.count += 1
        if len(found.examples) < EXAMPLES:
            found.examples.append(Example(name))

    def all(self) -> tuple[Notice, ...]:
        """Return a warning for every kind that was found, in the order of `NoticeKind`."""
        return tuple(_notice(kind, self._found[kind]) for kind in NoticeKind if kind in self._found)


def _notice(kind: NoticeKind, found: _Found) -> Notice:
    text = f"{WORDS[kind]}: {count(found.count)}"
    if found.files:
        text += f" in {plural(found.files, 'file')}"
    return Notice(text, kind, found.count, found.files, tuple(found.examples))


def notice_line(notice: Notice) -> str:
    """Return a warning with its examples in one line."""
    return with_examples(notice.text, notice.examples)


def with_examples(text: str, examples: Iterable[Example]) -> str:
    """Return a text with the examples, if there are any, in brackets."""
    listed = "; ".join(map(example_line, examples))
    return f"{text} ({listed})" if listed else text


def example_line(example: Example) -> str:
    """Return an example in words: `reads/a.faa line 7: P12345`."""
    where = place(example)
    if not where:
        return example.file
    return f"{example.file}{':' if example.line is None else ''} {where}"


def place(example: Example) -> str:
    """Return where in its file an example is, and what is there: `line 7: P12345`."""
    line = f"line {example.line}" if example.line is not None else ""
    detail = f"({example.detail})" if example.record and example.detail else example.detail
    what = " ".join(part for part in (example.record, detail) if part)
    return ": ".join(part for part in (line, what) if part)
