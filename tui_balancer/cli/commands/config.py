"""The command `config`: a commented file of preferences to begin with."""

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
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.settings import HANG_FLOOR_SECONDS
from tui_balancer.view.summary_text import EXIT_DONE

_COUNT = CountSettings()

_EXAMPLES: dict[str, object] = {
    "devices": AUTO,
    "cpu-workers": 2,
    "cpu-threads": 4,
    "weights": "cuda:0=1.5,cuda:1=1",
    "hang-floor": HANG_FLOOR_SECONDS,
    "threshold": TimeSettings().gain_seconds,
    "threshold-ratio": _COUNT.ratio,
    "threshold-difference": _COUNT.difference,
    "threshold-minimum": _COUNT.minimum,
    "steal-interval": _COUNT.interval_seconds,
    "repr-layers": "0,5,-1",
    "batch-tokens": CPU_BATCH_TOKENS,
}
"""Values of options whose defaults depend on other things."""


def config(
    *,
    show: Annotated[bool, flag(help="Print the commented file, and write nothing.")] = False,
) -> int:
    """Write a commented file of preferences: defaults of options, theme, keys.

    Every line is a comment; remove its # to use it. An option is taken from the command line, else
    from the environment, else from this file. An existing file is not changed.
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
            f"{path} is there already: edit it, or see `tui-balancer config --show`"
        ) from None
    except OSError as problem:
        raise UserError(
            f"cannot write {path}: {problem.strerror}; name another file with {PATH_VARIABLE}"
        ) from None
    print(path)
    return EXIT_DONE


def commented() -> Iterator[str]:
    """Return the lines of the file."""
    from tui_balancer.ui.keymap import REPLAY, SECTIONS

    yield from _comment(
        "What you prefer in every run. Take the # away before a line to let it count. The command "
        f"line goes before the environment ({PREFIX}CPU_WORKERS=2), that before this file; a run "
        f"that is resumed keeps what it was begun with. {PATH_VARIABLE} names another file."
    )
    yield ""
    yield "[defaults]"
    for option in options():
        yield ""
        yield from _comment(option.about)
        # JSON's texts, numbers and truths are TOML's, too.
        yield f"# {option.name} = {json.dumps(_EXAMPLES.get(option.name, option.default))}"
    yield ""
    yield "[screen]"
    yield from _comment(f"One of {', '.join(theme_names())}.")
    yield f"# theme = {json.dumps(theme_names()[0])}"
    yield ""
    yield "[keys]"
    yield from _comment("As Textual names them, with commas between them: ctrl+p, f5, plus.")
    now = key_names()
    for section, keys in {**SECTIONS, "replay": REPLAY}.items():
        yield ""
        yield f"# {section}"
        for key in keys:
            yield f"# {json.dumps(key.id)} = {json.dumps(now[key.id])}  # {key.help}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, 94)]
