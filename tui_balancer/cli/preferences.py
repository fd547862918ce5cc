"""The configuration file: TOML in the user's configuration folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import docstring_parser
from cyclopts import App, ArgumentCollection, Parameter
from cyclopts.config import Env, Toml
from platformdirs import user_config_path

from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.options import (
    BalancingOptions,
    DeviceOptions,
    ModelOptions,
    MonitoringOptions,
    ScreenOptions,
    ScriptOptions,
    option_name,
)
from tui_balancer.errors import UserError

if TYPE_CHECKING:
    from tui_balancer.ui.appearance import Appearance

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PATH_VARIABLE = "TUI_BALANCER_CONFIG"
"""Environment variable with the path of the file."""

PREFIX = "TUI_BALANCER_"
"""Prefix of options in the environment: `TUI_BALANCER_CPU_WORKERS`."""

_GROUPS = (
    ModelOptions,
    DeviceOptions,
    BalancingOptions,
    EmbeddingOptions,
    ScreenOptions,
    MonitoringOptions,
    ScriptOptions,
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """Content of the file.

    Attributes:
        defaults: Values of options by their command-line names.
        theme: Theme of the screen; empty to choose by the terminal's background.
        keys: Keys by action.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def appearance(self) -> Appearance:
        """The appearance of the screen."""
        from tui_balancer.ui.appearance import Appearance
        from tui_balancer.ui.screen_memory import ScreenMemory

        memory = ScreenMemory(preferences_path().with_suffix(".screen.json"))
        return Appearance(self.theme, self.keys, memory)


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its command-line name, its default if it has one, and its help."""

    name: str
    default: object
    about: str


def preferences_path() -> Path:
    """Return the path of the file, which may not exist."""
    named = os.environ.get(PATH_VARIABLE)
    return Path(named) if named else user_config_path("tui-balancer") / "config.toml"


def read_preferences() -> Preferences:
    """Return the preferences; empty ones without a file.

    Raises:
        UserError: The file is unreadable or invalid.
    """
    path = preferences_path()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Preferences()
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror}") from None
    except ValueError as problem:
        raise UserError(f"{path} is not TOML: {problem}") from None
    tables = {
        name: _table(path, name, content.pop(name, {})) for name in ("defaults", "screen", "keys")
    }
    _refuse_unknown(path, "table", content, tables)
    _refuse_unknown(path, "option", tables["defaults"], {one.name: one for one in options()})
    _refuse_unknown(path, "screen setting", tables["screen"], ("theme",))
    if tables["keys"]:
        _refuse_unknown(path, "key", tables["keys"], key_names())
    theme, keys = tables["screen"].get("theme", ""), tables["keys"]
    for name, value in {"theme": theme, **keys}.items():
        if not isinstance(value, str):
            raise UserError(f"{path}: {name} must be a string, not {value!r}")
    if theme:
        _refuse_unknown(path, "theme", [theme], theme_names())
    if keys:
        _refuse_bound_twice(path, keys)
    return Preferences(tables["defaults"], theme, keys)


def options() -> Iterator[Option]:
    """Return the options that the file may set."""
    for group in _GROUPS:
        about = _help_texts(group)
        for one in fields(group):
            name = option_name(group, one.name).removeprefix("--")
            yield Option(name, one.default, " ".join(about[one.name].split()))


def _help_texts(group: type) -> dict[str, str]:
    """Return the help text of each option of a group, by field."""
    content = docstring_parser.parse_from_object(group).params
    texts = {one.arg_name: one.description or "" for one in content}
    for name, hint in get_type_hints(group, include_extras=True).items():
        for about in getattr(hint, "__metadata__", ()):
            if isinstance(about, Parameter) and about.help:
                texts[name] = about.help
    return texts


def key_names() -> dict[str, str]:
    """Return the current keys by action."""
    from tui_balancer.ui.keymap import REPLAY, SECTIONS

    keys = [key for section in SECTIONS.values() for key in section]
    return {key.id: key.keys for key in (*keys, *REPLAY)}


def theme_names() -> tuple[str, ...]:
    """Return the names of the program's themes."""
    from tui_balancer.ui.themes import THEMES

    return tuple(theme.name for theme in THEMES)


def read_missing(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Read missing options from the environment, or else from the file."""
    _from_environment(app, commands, arguments)
    _from_file(app, commands, arguments)


def _from_environment(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    # PATH_VARIABLE is taken: a cluster's --config declares another one.
    others = ArgumentCollection(  # type: ignore[no-untyped-call]
        one for one in arguments if "--config" not in one.names
    )
    Env(PREFIX, command=False)(app, commands, others)


def _from_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    if not read_preferences().defaults:
        return
    read = partial(Toml, root_keys=["defaults"], use_commands_as_keys=False, allow_unknown=True)
    read(preferences_path())(app, commands, arguments)


def _table(path: Path, name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{path}: [{name}] must be a table")
    return value


def _refuse_unknown(path: Path, what: str, content: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise UserError(
            f"{path}: unknown {what} {unknown[0]!r}; `tui-balancer config --show` lists them"
        )


def _refuse_bound_twice(path: Path, own: Mapping[str, str]) -> None:
    """Check that no key has two actions in one place, except keys that have them by default."""
    from tui_balancer.ui.keymap import PLACES

    for place in PLACES:
        defaults = {key.id: _keys(key.keys) for key in place}
        chosen = {id: _keys(own[id]) if id in own else keys for id, keys in defaults.items()}
        for one, other in combinations(chosen, 2):
            twice = chosen[one] & chosen[other]
            if twice and not defaults[one] & defaults[other]:
                raise UserError(
                    f"{path}: the key {min(twice)} is bound twice, to {one} and {other}: "
                    "choose another for one of them"
                )


def _keys(text: str) -> set[str]:
    """Return keys in Textual's names: `?` is `question_mark`."""
    from textual.keys import _character_to_key

    words = (word.strip() for word in text.split(","))
    return {_character_to_key(word) if len(word) == 1 else word for word in words}
