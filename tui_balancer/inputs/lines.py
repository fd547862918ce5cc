"""The lines of a FASTA file: its text without byte-order marks and comments."""

from __future__ import annotations

import io
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from tui_balancer.failures import FailureCause
from tui_balancer.inputs.findings import Findings
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.inputs.unpacking import Readable, UnreadableContent, unpacked
from tui_balancer.notices import NoticeKind

_ENCODINGS = {
    "UTF-32": re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"),
    "UTF-32LE": re.compile(rb">\0\0\0"),
    "UTF-32BE": re.compile(rb"\0\0\0>"),
    "UTF-16": re.compile(rb"\xff\xfe|\xfe\xff"),
    "UTF-16LE": re.compile(rb">\0[^\0]\0"),
    "UTF-16BE": re.compile(rb"\0>\0[^\0]"),
}
"""How text begins that is not UTF-8: with a byte-order mark, or with a header."""

# Both begin with what is searched for, which is faster than a look behind it.
_MARKS = re.compile(rb"\xef\xbb\xbf(?<![^\r\n]\xef\xbb\xbf)(?:\xef\xbb\xbf)*")
_HEADER = re.compile(rb">(?<![^\r\n]>)[^\r\n]*")
_COMMENT = re.compile(rb";(?<![^\r\n];)[^\r\n]*")

_FASTA = re.compile(rb"(?:\xef\xbb\xbf|\s|;[^\r\n]*[\r\n])*>")


class FastaText:
    """The text of a FASTA file, or of a stretch of it.

    Attributes:
        line: Number of the line in which the part that was read ends; lines before it may not
            have been yielded.
        findings: What was left out so far: comments, which become empty lines, and byte-order
            marks where no file begins, for several were put together.
    """

    def __init__(self, findings: Findings | None = None) -> None:
        self.line = 1
        self.findings = findings if findings is not None else Findings()

    def lines(self, raw: Readable) -> Iterator[str]:
        """Return the lines of what a file holds, numbered as in the file.

        Raises:
            UnreadableContent: It is packed and damaged, an archive, or no UTF-8.
            OSError: It cannot be read.
        """
        return chain.from_iterable(map(self._lines_of, _whole_lines(unpacked(raw))))

    def _lines_of(self, block: bytes) -> Iterable[str]:
        if BOM_UTF8[:1] in block:
            if self.line == 1:
                block = block.removeprefix(BOM_UTF8)
            block = self._without(_MARKS, block, NoticeKind.BYTE_ORDER_MARK)
        if b";" in block:
            block = self._without(_COMMENT, block, NoticeKind.COMMENT)
        if not block.isascii():
            self._note_bytes(block)
        self.line += _line_ends(block)
        # Headers carry names in whatever encoding; residues are ASCII, so a byte that is not
        # UTF-8 does no harm in the one and is found by the alphabet in the other.
        return io.TextIOWrapper(io.BytesIO(block), encoding="utf-8", errors="backslashreplace")

    def _note_bytes(self, block: bytes) -> None:
        """Note headers that are not UTF-8."""
        line, done = self.line, 0
        for match in _HEADER.finditer(block):
            if is_utf8(match.group()):
                continue
            line += _line_ends(block[done : match.start()])
            done = match.start()
            words = match.group()[1:].decode(errors="backslashreplace")
            self.findings.add_line(NoticeKind.HEADER_BYTES, line, terminal_safe(words, 60))

    def _without(self, pattern: re.Pattern[bytes], block: bytes, kind: NoticeKind) -> bytes:
        line, done = self.line, 0
        for match in pattern.finditer(block):
            line += _line_ends(block[done : match.start()])
            done = match.start()
            self.findings.add_line(kind, line)
        return pattern.sub(b"", block)


def is_utf8(text: bytes) -> bool:
    """Whether bytes are text in UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def begins_like_fasta(head: bytes) -> bool:
    """Whether a text that begins so is FASTA, in UTF-16 too: a header comes first."""
    if encoding := _encoding(head):
        head = head.decode(encoding, "ignore").encode(errors="ignore")
    return _FASTA.match(head) is not None


def _encoding(head: bytes) -> str:
    """Return the encoding of a text that begins so; empty for UTF-8 and those like it."""
    return next((name for name, pattern in _ENCODINGS.items() if pattern.match(head)), "")


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in blocks that begin with a line."""
    held: list[bytes] = []
    for number, block in enumerate(blocks):
        if number == 0 and (encoding := _encoding(block)):
            raise UnreadableContent(
                f"{encoding} text: save it as UTF-8 (iconv -f {encoding} -t UTF-8)",
                FailureCause.NOT_UTF8,
            )
        # What follows a `\r` at the end may be its `\n`.
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1
        if end:
            yield b"".join((*held, block[:end]))
            held = [block[end:]]
        else:
            held.append(block)
    yield b"".join(held)


def _line_ends(block: bytes) -> int:
    """Return how many lines end in a block."""
    # bytes.count takes three times as long where lines are short.
    ends = int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))
    if b"\r" in block:
        ends += block.count(b"\r") - block.count(b"\r\n")
    return ends
