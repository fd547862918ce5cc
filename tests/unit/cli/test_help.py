"""The two lengths of help, and the numbers and defaults in it: each is the code's constant."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from functools import cache

import pytest
from rich.console import Console

from tui_balancer.cli.app import app
from tui_balancer.cli.cluster_options import ClusterOptions
from tui_balancer.cli.commands.demo import DEMO_SECONDS
from tui_balancer.cli.commands.report import REPORT_NAME
from tui_balancer.cli.commands.simulate import FASTEST_SPEED, SLOWEST_SPEED
from tui_balancer.cli.commands.virnucpro import EMBEDDINGS
from tui_balancer.cli.help import HELP_ALL
from tui_balancer.embedding.families.table import DEFAULT_MODEL, FAMILIES, MODELS
from tui_balancer.engines.dask.request import JOB_KINDS, ClusterRequest
from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.run.lab.cases import THROTTLED_TO
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS, gpu_batch_tokens
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.settings import (
    HANG_FLOOR_SECONDS,
    SETTLE_SECONDS,
    DeviceSettings,
    Shards,
)

COMMANDS = tuple(name for name in app if not name.startswith("-"))

NUMBER_WORDS = (
    "two three four five six seven eight nine ten twelve dozen hundred thousand twice half third"
)
WORD = re.compile(r"[^\s()]*\d[^\s()]*|\b(?:" + NUMBER_WORDS.replace(" ", "|") + r")\b(?!-)", re.I)

NAMES = {family.title for family in FAMILIES.values()} | {"UTF-8", "merged.h5", "OUT/merged.h5"}

COUNT, TIME = CountSettings(), TimeSettings()
EXIT_CODES = [str(code) for code in (EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED)]

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "--as": ("3di", "ProstT5"),
    "--devices": ("cuda:0,cuda:2",),
    "--workers-per-gpu": ("cuda:0/0", "cuda:0/1"),
    "--weights": ("cuda:0=1.5,cuda:1=1", "1.5,1"),
    "--release-idle": ("5m",),
    "--repr-layers": ("0,5,-1",),
    "--precision": ("fp32", "bf16", "fp16", "fp32"),
    "--format": ("h5",),
    "--shard": ("64MB",),
    "--keep": ("20GB",),
    "--scheduler": ("tcp://head:8786", "tls://head:8786"),
    "--engine": ("four",),
    "--hosts": ("two", "twice"),
    "--priority": ("0",),
    "--idle-exit": ("10m",),
}
"""Words with a number in them that are no defaults, by the option whose text has them."""

NUMBERS: Mapping[str, tuple[object, ...]] = {
    "--workers-per-gpu": (DeviceSettings().workers_per_gpu,),
    "--hang-floor": (HANG_FLOOR_SECONDS,),
    "--settle": (SETTLE_SECONDS,),
    "--threshold": (TIME.gain_seconds,),
    "--threshold-ratio": (COUNT.ratio,),
    "--threshold-difference": (COUNT.difference,),
    "--threshold-minimum": (COUNT.minimum,),
    "--steal-interval": (COUNT.interval_seconds,),
    "--batch-tokens": (
        CPU_BATCH_TOKENS,
        gpu_batch_tokens(MODELS[DEFAULT_MODEL]),
        DEFAULT_MODEL,
    ),
    "--shard": ((Shards().size or 0) >> 20, ReadingRules().segment_bytes >> 20),
    "--size": (DEMO_SECONDS / 60,),
    "--workers": (ClusterRequest(jobs="slurm").expected,),
    "--scenario": (f"{THROTTLED_TO:.0%}",),
    "--speed": (SLOWEST_SPEED, FASTEST_SPEED),
}
"""What else is named, in the order of the text."""

TOLD_DEFAULTS: Mapping[str, str] = {
    "--devices": DeviceSettings().devices,
    "--engine": "local" if ClusterOptions().request() is None else "dask",
    "--cpu-workers": "from the core count",
    "--cpu-threads": "from the core count",
    "--max-length": "from the model",
    "--output": f"PREFIX{EMBEDDINGS}",
    "--to": f"OUT/{REPORT_NAME}",
}


@cache
def printed(*words: str, columns: int) -> str:
    """Return what the program prints on a terminal of so many columns."""
    page = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "console", Console(file=page, width=columns, color_system=None))
        app.carry_out(words)
    return page.getvalue()


@cache
def help_of(command: str) -> tuple[dict[str, str], str]:
    """Return the text of each option of a command, and all else that its help says."""
    options, rest = {}, []
    for line in printed(command, HELP_ALL, columns=1000).splitlines():
        row = re.match(r" +(--[a-z-]+)(?: -\w)?(?: [A-Z.|]+)?  +(.*?) *$", line)
        if row is None:
            rest.append(line)
        else:
            # What the parser adds by itself is the option's own default.
            options[row[1]] = re.sub(r"\[(default|choices|env var|required).*", "", row[2])
    return options, "\n".join(rest)


def numbers(text: str) -> list[str]:
    """Return the words with a number in them, names aside."""
    words = (word.strip(".,;:") for word in WORD.findall(text))
    return [word for word in words if word not in NAMES]


def shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_number_of_an_option_is_a_constant_or_a_known_example(command: str) -> None:
    options, _ = help_of(command)
    for option, text in options.items():
        expected = [*map(shown, NUMBERS.get(option, ())), *EXAMPLES.get(option, ())]
        assert sorted(numbers(text)) == sorted(expected if numbers(text) else ()), option


def test_every_number_that_is_expected_is_told_somewhere() -> None:
    told = {
        option: numbers(text)
        for command in COMMANDS
        for option, text in help_of(command)[0].items()
        if numbers(text)
    }
    assert told.keys() == NUMBERS.keys() | EXAMPLES.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_s_own_text_names_no_number_but_its_exit_codes(command: str) -> None:
    _, text = help_of(command)
    found = numbers(re.sub(r"Exit code.*", "", text))
    assert found == []
    codes = re.search(r"Exit codes: .*", text)
    assert codes is None or numbers(codes[0]) == EXIT_CODES


def test_the_program_s_own_text_names_its_exit_codes() -> None:
    assert numbers(app.help) == EXIT_CODES


@pytest.mark.parametrize("command", COMMANDS)
def test_every_default_in_words_is_the_code_s(command: str) -> None:
    for option, text in help_of(command)[0].items():
        told = re.search(r"(\S+) \(default\)|\(default: ([^;)]*)", text)
        if told is not None and not numbers(told[0]):
            assert (told[1] or told[2]) == TOLD_DEFAULTS[option], option


def test_the_batch_systems_are_those_that_can_be_asked() -> None:
    assert help_of("run")[0]["--cluster"].rstrip().endswith(f": {', '.join(JOB_KINDS)}.")


ROWS, COLUMNS = 2 * 24, 80


@pytest.mark.parametrize("words", [(), *((command,) for command in COMMANDS)])
def test_help_fits_on_two_screens(words: tuple[str, ...]) -> None:
    lines = printed(*words, "--help", columns=COLUMNS).splitlines()
    assert len(lines) <= ROWS
    assert max(map(len, lines)) <= COLUMNS


def names(command: str) -> list[set[str]]:
    """Return the names of every option of a command's parser."""
    arguments = app[command].assemble_argument_collection()
    return [set(one.names) for one in arguments if one.show]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_all_names_every_option_of_the_parser(command: str) -> None:
    rows = set(re.findall(r"^  (\S+)", printed(command, HELP_ALL, columns=1000), re.MULTILINE))
    assert [option for option in names(command) if not option & rows] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_how_many_more_options_there_are_and_where(command: str) -> None:
    short = printed(command, "--help", columns=1000)
    rows = set(re.findall(r"^  (\S+)", short, re.MULTILINE))
    missing = sum(not option & rows for option in names(command))
    more = f"{missing} more option{'s' * (missing > 1)}: tui-balancer {command} {HELP_ALL}"
    last = short.splitlines()[-1]
    assert (last == more) if missing else (HELP_ALL not in short)


def test_help_all_is_understood_behind_other_words() -> None:
    assert printed("run", "a.faa", HELP_ALL, "-o", "out", columns=80) == printed(
        "run", HELP_ALL, columns=80
    )


def test_what_most_runs_need_is_in_the_short_help() -> None:
    short = printed("run", "--help", columns=COLUMNS)
    needed = "INPUT --output --list --model --devices --include --format --long --headless"
    assert [option for option in needed.split() if option not in short] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_no_sentence_becomes_a_list(command: str) -> None:
    assert "•" not in printed(command, HELP_ALL, columns=COLUMNS)
