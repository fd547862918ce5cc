"""Text from outside made fit for a terminal: names, headers, reasons."""

from __future__ import annotations


def terminal_safe(text: str, limit: int = 160) -> str:
    r"""Return `text` as one line of printable characters, at most `limit` of them.

    Whatever could steer a terminal or mislead a reader (control characters, escape
    sequences, line breaks, direction overrides, undecodable bytes of a file name) is shown
    as its escape, e.g. `\x1b`. What is too long loses its middle, for names differ at their ends.
    """
    if len(text) <= limit and text.isprintable():
        return text
    printable = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in _middle_cut(text, limit)
    )
    return _middle_cut(printable, limit)


def _middle_cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return text[: limit - 1 - tail] + "…" + text[len(text) - tail :]
