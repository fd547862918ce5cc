"""Dialog for the stealing policy and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, ContentSwitcher, Input, Label, RadioButton, RadioSet, Static

from tui_balancer.errors import UserError
from tui_balancer.scheduler.model import PolicySettings, TimeSettings
from tui_balancer.scheduler.policy.rule_settings import choices, validate
from tui_balancer.ui.dialogs.dialog import Dialog


@dataclass(frozen=True, slots=True)
class Field:
    """An input for a number of a policy.

    Attributes:
        name: The attribute of the settings.
        label: Text before the input.
        unit: Text after the number.
        parse: Converts text to a number; raises ValueError.
    """

    name: str
    label: str
    unit: str
    parse: Callable[[str], float]


COUNT_FIELDS: Final = (
    Field("ratio", "Longest queue over shortest", "times", float),
    Field("difference", "Or longer by at least", "files", int),
    Field("minimum", "Longest queue has at least", "files", int),
    Field("interval_seconds", "Check again every", "seconds", float),
)
TIME_FIELDS: Final = (Field("gain_seconds", "Steal if it saves at least", "seconds", float),)


class PolicyButton(RadioButton):
    """A radio button that is readable without colours."""

    def render(self) -> Content:
        """Draw the selected button filled and the other one hollow."""
        self.BUTTON_INNER = "●" if self.value else "○"
        return super().render()


class ThresholdDialog(Dialog[PolicySettings | None]):
    """Chooses the policy and sets its numbers; invalid input is reported and not sent.

    Args:
        settings: The current policy; the other one starts from its defaults.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Previous field", show=False),
        Binding("down", "app.focus_next", "Next field", show=False),
    ]

    def __init__(self, settings: PolicySettings) -> None:
        super().__init__()
        self._policy = "time" if isinstance(settings, TimeSettings) else "count"
        self._settings = choices(settings)

    def compose(self) -> ComposeResult:
        """Show both policies and the numbers of the selected one."""
        with Vertical(classes="dialog") as box:
            box.border_title = "When to steal"
            box.border_subtitle = "tab next · enter applies · escape cancels"
            with RadioSet(id="policy", compact=True):
                yield PolicyButton(
                    "time: if files finish sooner", value=self._policy == "time", id="time"
                )
                yield PolicyButton(
                    "count: if queues differ in length",
                    value=self._policy == "count",
                    id="count",
                )
            with ContentSwitcher(initial=f"{self._policy}-fields"):
                with Vertical(id="time-fields"):
                    yield from self._compose_fields("time", TIME_FIELDS)
                with Vertical(id="count-fields"):
                    yield from self._compose_fields("count", COUNT_FIELDS)
            yield Static(id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Apply", id="apply")
                yield Button("Cancel", id="cancel")

    def _compose_fields(self, policy: str, fields: tuple[Field, ...]) -> ComposeResult:
        for field in fields:
            value = getattr(self._settings[policy], field.name)
            with Horizontal(classes="field"):
                yield Label(field.label, classes="what")
                yield Input(f"{value:g}", compact=True, id=field.name)
                yield Label(field.unit)

    def on_mount(self) -> None:
        """Focus the first number, the most common edit."""
        first = TIME_FIELDS[0] if self._policy == "time" else COUNT_FIELDS[0]
        self.query_one(f"#{first.name}").focus()
        for field in self.query(Input):
            field.cursor_blink = False
        if self._policy == "count":
            # A radio set's own cursor starts on its first button, whichever is selected.
            self.query_one(RadioSet).action_next_button()

    @on(RadioSet.Changed)
    def _switch(self, event: RadioSet.Changed) -> None:
        self._policy = str(event.pressed.id)
        self.query_one(ContentSwitcher).current = f"{self._policy}-fields"
        self._complain("")

    @on(Input.Changed)
    def _forget_complaint(self) -> None:
        self._complain("")

    @on(Input.Submitted)
    @on(Button.Pressed, "#apply")
    def _apply(self) -> None:
        fields = TIME_FIELDS if self._policy == "time" else COUNT_FIELDS
        numbers: dict[str, Any] = {}
        for field in fields:
            source = self.query_one(f"#{field.name}", Input)
            try:
                numbers[field.name] = field.parse(source.value)
            except ValueError:
                kind = "a whole number" if field.parse is int else "a number"
                self._complain(f"“{source.value}” is not {kind} of {field.unit}.")
                source.focus()
                return
        settings = replace(self._settings[self._policy], **numbers)
        try:
            validate(settings)
        except UserError as error:
            self._complain(str(error))
        else:
            self.dismiss(settings)

    def _complain(self, problem: str) -> None:
        self.query_one("#problem", Static).update(problem)
