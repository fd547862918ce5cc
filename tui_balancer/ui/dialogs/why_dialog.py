"""Explains a state: its name, and a sentence or two with the run's numbers."""

from __future__ import annotations

from textual.content import Content

from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog, field
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.view.why.explain import Question
from tui_balancer.view.why.facts import Explanation


class WhyDialog(DetailDialog):
    """Shows the newest answer to a question; each picture may carry one.

    Args:
        run_state: What is known of the run.
        question: The question; the caller that opens the dialog asks it.
        title: Name of what is explained.
    """

    def __init__(self, run_state: ScreenState, question: Question, title: str) -> None:
        super().__init__(f"Why: {title}", self._lines, title)
        self._run_state = run_state
        self._question = question

    @property
    def copied(self) -> str:
        """The answer, or the title until there is one."""
        answer = self._answer()
        return super().copied if answer is None else answer.text

    def _answer(self) -> Explanation | None:
        picture = self._run_state.picture
        newest = picture.why if picture is not None else None
        if newest is None or newest.question is not self._question:
            return None
        return newest.explanation

    def _lines(self) -> list[Content]:
        answer = self._answer()
        if answer is None:
            return [field("Why", glyphs.ELLIPSIS)]
        state = [field("State", (answer.state, "bold"))] if answer.state else []
        return [*state, field("Why", answer.text)]
