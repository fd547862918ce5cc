"""What a person prefers in every run: a TOML file in the user's configuration folder."""

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
"""Names the file where it is not in its usual place."""

PREFIX = "TUI_BALANCER_"
"""Before an option's name in the environment: `TUI_BALANCER_CPU_WORKERS`."""

_GROUPS = (
    ModelOptions,
    DeviceOptions,
    BalancingOptions,
    EmbeddingOptions,
    ScreenOptions,
    ScriptOptions,
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the file says.

    Attributes:
        defaults: Options by the names that they have on the command line.
        theme: Of the screen; empty for what suits the terminal.
        keys: Keys by what they do.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def appearance(self) -> Appearance:
        """How the screen is to look."""
        from tui_balancer.ui.appearance import Appearance
        from tui_balancer.ui.screen_memory import ScreenMemory

        memory = ScreenMemory(preferences_path().with_suffix(".screen.json"))
        return Appearance(self.theme, self.keys, memory)


@dataclass(frozen=True, slots=True)
class Option:
    """An option as on the command line: its name, its default if it has one, what it is for."""

    name: str
    default: object
    about: str


def preferences_path() -> Path:
    """Return where the file is, or would be."""
    named = os.environ.get(PATH_VARIABLE)
    return Path(named) if named else user_config_path("tui-balancer") / "config.toml"


def read_preferences() -> Preferences:
    """Return what the file says; nothing if there is none.

    Raises:
        UserError: It cannot be read, or says something that is not understood.
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
            raise UserError(f"{path}: {name} must be a text, not {value!r}")
    if theme:
        _refuse_unknown(path, "theme", [theme], theme_names())
    if keys:
        _refuse_bound_twice(path, keys)
    return Preferences(tables["defaults"], theme, keys)


def options() -> Iterator[Option]:
    """Return the options that may have defaults of a person's own."""
    for group in _GROUPS:
        about = _help_texts(group)
        for one in fields(group):
            name = option_name(group, one.name).removeprefix("--")
            yield Option(name, one.default, " ".join(about[one.name].split()))


def _help_texts(group: type) -> dict[str, str]:
    """Return what `--help` says of each option of a group, by field."""
    content = docstring_parser.parse_from_object(group).params
    texts = {one.arg_name: one.description or "" for one in content}
    for name, hint in get_type_hints(group, include_extras=True).items():
        for about in getattr(hint, "__metadata__", ()):
            if isinstance(about, Parameter) and about.help:
                texts[name] = about.help
    return texts


def key_names() -> dict[str, str]:
    """Return the names of all keys, with what they are now."""
    from tui_balancer.ui.keymap import REPLAY, SECTIONS

    keys = [key for section in SECTIONS.values() for key in section]
    return {key.id: key.keys for key in (*keys, *REPLAY)}


def theme_names() -> tuple[str, ...]:
    """Return the names of the program's own themes."""
    from tui_balancer.ui.themes import THEMES

    return tuple(theme.name for theme in THEMES)


def apply_preferences(*commands: App) -> None:
    """Make commands read missing options from the environment, then from the file."""
    for command in commands:
        command.config = (_from_environment, _from_file)


def _from_environment(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    # PATH_VARIABLE is taken: a cluster's --config has another one, which it says itself.
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
    """Check that no key does two things in one place, other than those that do so by default."""
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
    """Return keys by Textual's names: `?` is `question_mark`."""
    from textual.keys import _character_to_key

    words = (word.strip() for word in text.split(","))
    return {_character_to_key(word) if len(word) == 1 else word for word in words}
