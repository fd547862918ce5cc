"""The one exception that reaches a person: a line that says what, where and what to do."""


class UserError(Exception):
    """A mistake or a missing thing that the user can mend; shown as one line, exit code 2.

    The message is a single line fit for a terminal: what is wrong, where, and what to do.
    """


def one_line(problem: BaseException) -> str:
    """Return what an exception says as a single line: its kind where it says nothing."""
    return " ".join(str(problem).split()) or type(problem).__name__
