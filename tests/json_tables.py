"""Tables of the fields of JSON objects, made of the program's types, for the manual."""

from __future__ import annotations

import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import docstring_parser
from msgspec import Struct

from tui_balancer.cli.commands.control import ControlResult
from tui_balancer.monitoring.alerts import Notification
from tui_balancer.run.lab.model_list import ModelList
from tui_balancer.store.maintenance import StoreCheck, StorePruned, StoreStats
from tui_balancer.view.status import RunStatus
from tui_balancer.view.why.facts import Explanations

Row = tuple[str, str, str]
"""Path of a field, its JSON type, and what it is."""

PRINTED: dict[str, type] = {
    "status --json": RunStatus,
    "control --json": ControlResult,
    "explain --json": Explanations,
}
"""What each command prints."""

LISTED: dict[str, type] = {"models --json": ModelList}
"""What the command prints without a run."""

STORED: dict[str, type] = {
    "store stats --json": StoreStats,
    "store verify --json": StoreCheck,
    "store prune --json": StorePruned,
}
"""What the command prints about a store."""

NOTIFIED = {"notification": Notification}
"""What the command of `--notify` reads."""

_PLAIN = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}


def field_table(kind: type) -> str:
    """Return the fields of a type as a table of Markdown."""
    lines = ["| field | type | |", "|---|---|---|"]
    lines += [f"| `{path}` | {what} | {about} |" for path, what, about in rows(kind)]
    return "\n".join(lines) + "\n"


def rows(kind: type, prefix: str = "") -> Iterator[Row]:
    """Yield the fields of a type and of the objects in it."""
    about = {
        one.arg_name: one.description or ""
        for one in docstring_parser.parse_from_object(kind).params
    }
    if tag := getattr(getattr(kind, "__struct_config__", None), "tag", None):
        yield f"{prefix}kind", f"`{tag}`", "Has the fields that follow."
    for name, hint in get_type_hints(kind).items():
        path = f"{prefix}{name}"
        text = " ".join(about.get(name, "").split())
        inner = [one for one in _members(hint) if _is_object(one)]
        listed = get_origin(hint) is tuple
        what = "list" if listed else " or ".join(dict.fromkeys(map(_shown, _members(hint))))
        yield path, what, text
        suffix = "[]." if listed else "."
        for one in inner:
            yield from rows(one, f"{path}{suffix}")


def _members(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return get_args(hint)
    if get_origin(hint) is tuple:
        return get_args(hint)[:1]
    return (hint,)


def _shown(hint: Any) -> str:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if issubclass(hint, Enum):
        return ", ".join(f"`{one.value}`" for one in hint)
    return "object"


def _is_object(hint: Any) -> bool:
    return isinstance(hint, type) and (
        hasattr(hint, "__dataclass_fields__") or issubclass(hint, Struct)
    )
