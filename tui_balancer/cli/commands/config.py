"""The command `config`: writes a commented configuration file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Annotated

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.preferences import (
    PATH_VARIABLE,
    PREFIX,
    key_names,
    options,
    preferences_path,
    theme_names,
)
from tui_balancer.devices.selection import AUTO
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.settings import HANG_FLOOR_SECONDS

_COUNT = CountSettings()

_EXAMPLES: dict[str, object] = {
    "devices": AUTO,
    "workers-per-gpu": AUTO,
    "cpu-workers": 2,
    "cpu-threads": 4,
    "weights": "cuda:0=1.5,cuda:1=1",
    "hang-floor": HANG_FLOOR_SECONDS,
    "release-idle": "5m",
    "threshold": TimeSettings().gain_seconds,
    "threshold-ratio": _COUNT.ratio,
    "threshold-difference": _COUNT.difference,
    "threshold-minimum": _COUNT.minimum,
    "steal-interval": _COUNT.interval_seconds,
    "repr-layers": "0,5,-1",
    "as": "3di",
    "max-length": ReadingRules().max_length,
    "notify": "./tell",
    "metrics": "9100",
    "batch-tokens": CPU_BATCH_TOKENS,
    "store": "~/embeddings-store",
}
"""Example values of options without a fixed default."""


def config(
    *,
    show: Annotated[bool, flag(help="Print the file instead of writing it.")] = False,
) -> int:
    """Write a commented configuration file: defaults of options, theme, keys.

    Every line is a comment; remove its # to use it. The command line takes precedence over the
    environment, and the environment over this file. An existing file is not changed.
    """
    text = "\n".join(commented()) + "\n"
    if show:
        print(text, end="")
        return EXIT_DONE
    path = preferences_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(
            f"{path} already exists: edit it, or see `tui-balancer config --show`"
        ) from None
    except OSError as problem:
        raise UserError(
            f"cannot write {path}: {problem.strerror}; set another path with {PATH_VARIABLE}"
        ) from None
    print(path)
    return EXIT_DONE


def commented() -> Iterator[str]:
    """Return the lines of the file."""
    from tui_balancer.ui.keymap import REPLAY, SECTIONS

    yield from _comment(
        "Your preferences for every run. Remove the # before a line to use it. The command "
        f"line overrides the environment ({PREFIX}CPU_WORKERS=2), which overrides this file; a "
        f"resumed run keeps its settings. {PATH_VARIABLE} sets another path for this file."
    )
    yield ""
    yield "[defaults]"
    for option in options():
        yield ""
        yield from _comment(option.about)
        # JSON's strings, numbers and booleans are valid TOML.
        yield f"# {option.name} = {json.dumps(_EXAMPLES.get(option.name, option.default))}"
    yield ""
    yield "[screen]"
    yield from _comment(f"One of {', '.join(theme_names())}.")
    yield f"# theme = {json.dumps(theme_names()[0])}"
    yield ""
    yield "[keys]"
    yield from _comment("Textual's names of keys, separated by commas: ctrl+p, f5, plus.")
    now = key_names()
    for section, keys in {**SECTIONS, "replay": REPLAY}.items():
        yield ""
        yield f"# {section}"
        for key in keys:
            yield f"# {json.dumps(key.id)} = {json.dumps(now[key.id])}  # {key.help}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, 94)]
