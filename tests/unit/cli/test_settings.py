"""From what a person typed to the settings of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from tui_balancer.alphabets import Alphabet
from tui_balancer.cli.app import app
from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.options import (
    BalancingOptions,
    DeviceOptions,
    ModelOptions,
    WatchOptions,
)
from tui_balancer.cli.settings import (
    policy_settings,
    require_watch,
    resumed_settings,
    run_settings,
)
from tui_balancer.errors import UserError
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.settings import (
    DeviceSettings,
    Priority,
    RunSettings,
    Shards,
    WatchSettings,
    overlaid,
)


def test_numbers_that_were_not_given_keep_the_policys_defaults() -> None:
    assert policy_settings(BalancingOptions()) == TimeSettings()
    chosen = policy_settings(BalancingOptions(policy="count", ratio=3.0, interval_seconds=2.0))
    assert chosen == CountSettings(ratio=3.0, interval_seconds=2.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BalancingOptions(ratio=2.0), "--threshold-ratio does not belong"),
        (BalancingOptions(policy="count", gain_seconds=2.0), "--threshold does not belong"),
        (BalancingOptions(gain_seconds=-1.0), "gain"),
        (BalancingOptions(policy="count", minimum=0), "queue length"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(
    options: BalancingOptions, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        policy_settings(options)


GROUPS = (ModelOptions, DeviceOptions, BalancingOptions, EmbeddingOptions, WatchOptions)

WORDS: dict[str, Any] = {
    "repr_layers": "0,5",
    "include": "bos",
    "format": "npz",
    "shard": "64MB",
    "policy": "count",
    "model": ("A", "B"),
    "priority": ("*.faa=5",),
}
"""What is written for options whose text is read."""

POLICY_NUMBERS = {*TimeSettings.__struct_fields__, *CountSettings.__struct_fields__}

NO_OPTION = {
    *("inputs", "output", "cluster", "overwrite", "marks", "reading.segment_bytes"),
    # As the store is at the beginning of the run.
    "store.until",
    # The model's.
    *(f"reading.alphabet.{one.name}" for one in fields(Alphabet)),
}


def flat(settings: object, group: str = "") -> Iterator[tuple[str, object]]:
    """Yield every setting with its dotted name."""
    for one in fields(settings):  # type: ignore[arg-type]
        value, name = getattr(settings, one.name), f"{group}{one.name}"
        if is_dataclass(value):
            yield from flat(value, f"{name}.")
        else:
            yield name, value


def another(group: type, option: Field[Any]) -> Any:
    """Return a value of an option that is not its default."""
    hint = get_type_hints(group)[option.name]
    if option.name in WORDS:
        return WORDS[option.name]
    if get_origin(hint) is Literal:
        return next(word for word in get_args(hint) if word != option.default)
    if hint is bool:
        return not option.default
    return "other" if str in (hint, *get_args(hint)) else 7


def changed(group: type, option: str, value: object) -> set[str]:
    """Return the settings that one option changes."""
    groups: dict[type, Any] = {one: one() for one in GROUPS}
    others = {"format": "npz"} if option in ("include", "repr_layers", "merge") else {}
    groups[group] = group(**others | {option: value})
    asked = run_settings(("a.faa",), Path("out"), *groups.values())
    plain = asked_of(**others)
    return {name for name, value in flat(asked) if value != dict(flat(plain))[name]}


def test_every_option_changes_a_setting_and_every_setting_has_an_option() -> None:
    reached = set()
    for group in GROUPS:
        for option in fields(group):
            if option.name not in POLICY_NUMBERS:
                found = changed(group, option.name, another(group, option))
                assert found, option.name
                reached |= found
    assert reached == {name for name, _ in flat(asked_of())} - NO_OPTION
    assert {one.name for one in fields(BalancingOptions)} >= POLICY_NUMBERS


def test_a_new_setting_is_a_field_here_and_a_field_there() -> None:
    @dataclass(frozen=True, slots=True)
    class Settings(DeviceSettings):
        nap_seconds: float = 0.0

    @dataclass(frozen=True)
    class Options(DeviceOptions):
        nap_seconds: float | None = None

    assert overlaid(Settings(), Options(nap_seconds=2.5)) == Settings(nap_seconds=2.5)
    assert overlaid(Settings(nap_seconds=2.5), Options(devices="cpu")) == Settings(
        "cpu", nap_seconds=2.5
    )


@pytest.mark.parametrize(
    ("text", "shards"),
    [
        ("auto", Shards(256 << 20)),
        ("off", Shards(None)),
        ("64MB", Shards(64_000_000, explicit=True)),
        ("64 mib", Shards(64 << 20, explicit=True)),
        ("1.5GiB", Shards(3 << 29, explicit=True)),
        ("2T", None),
        ("0MB", None),
        ("much", None),
        ("-1MB", None),
        (f"{10**400}B", None),
    ],
)
def test_shards_are_asked_for_by_a_size_with_its_unit(text: str, shards: Shards | None) -> None:
    if shards is not None:
        assert asked_of(shard=text).shards == shards
        return
    with pytest.raises(UserError, match=f"--shard {text} is not a size: write it as 64MB"):
        asked_of(shard=text)


def test_a_resumed_run_watches_as_before_unless_it_is_told_otherwise() -> None:
    watched = run_settings(("in",), watching=WatchOptions(watch=True, settle=2.0))
    again = resumed_settings(watched, None, None, WatchOptions(idle_exit=60.0))
    assert again.watching == WatchSettings(watch=True, settle=2.0, idle_exit=60.0)
    require_watch(WatchOptions(idle_exit=60.0), again)
    with pytest.raises(UserError, match=r"^--idle-exit needs --watch$"):
        require_watch(WatchOptions(idle_exit=60.0), run_settings(("in",)))


def test_priorities_are_patterns_with_numbers_and_stay_with_the_run() -> None:
    asked = run_settings(("in",), balancing=BalancingOptions(priority=("plate7/*=5", "a=b.faa=-1")))
    priorities = (Priority("plate7/*", 5), Priority("a=b.faa", -1))
    assert asked.balancing.priorities == priorities
    again = resumed_settings(asked, None, BalancingOptions(policy="count"))
    assert again.balancing.priorities == priorities
    other = resumed_settings(asked, None, BalancingOptions(priority=("x=1",)))
    assert other.balancing.priorities == (Priority("x", 1),)
    for wrong in ("plate7", "=5", "x=high", "x="):
        with pytest.raises(UserError, match="is not PATTERN=N"):
            run_settings(("in",), balancing=BalancingOptions(priority=(wrong,)))


def test_the_hang_floor_reaches_the_run() -> None:
    settings = run_settings(
        ("a.faa",),
        Path("out"),
        ModelOptions(),
        DeviceOptions(hang_floor=12.5),
        BalancingOptions(),
        EmbeddingOptions(),
    )
    assert settings.devices.hang_floor == 12.5
    assert resumed_settings(settings, DeviceOptions(), None).devices.hang_floor == 12.5
    assert resumed_settings(settings, DeviceOptions(hang_floor=7.0), None).devices.hang_floor == 7.0


@pytest.mark.parametrize(
    "line", ["run A B -o OUT", "run A -o OUT B", "run -o OUT A B", "run A --output OUT --seed 1 B"]
)
def test_inputs_stand_before_and_after_the_options(line: str) -> None:
    _, bound, _ = app.parse_args(line.split(), exit_on_error=False, print_error=False)
    assert bound.args == ("A", "B")
    assert bound.kwargs["output"] == Path("OUT")


def asked_of(**options: Any) -> RunSettings:
    return run_settings(
        ("a.faa",),
        Path("out"),
        ModelOptions(),
        DeviceOptions(),
        BalancingOptions(),
        EmbeddingOptions(**options),
    )


def test_what_is_kept_reaches_the_run_in_an_order_of_its_own() -> None:
    settings = asked_of(repr_layers="0, 5,-1", include="per_tok,mean", format="h5", long="skip")
    assert (settings.embedding.repr_layers, settings.embedding.include) == (
        (0, 5, -1),
        ("mean", "per_tok"),
    )
    assert settings.reading.long == "skip"
    assert settings.embedding.dereplicate
    assert asked_of(repr_layer=3, no_dereplication=True).embedding.repr_layers == (3,)
    assert not asked_of(no_dereplication=True).embedding.dereplicate
    assert asked_of(format="h5", merge=True).outputs.merge


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"repr_layers": "1;2"}, "--repr-layers 1;2 is not a list of layers"),
        ({"include": "mean,tokens"}, "unknown --include 'tokens': choose from mean, bos, per_tok"),
        ({"include": "bos"}, "--format virnucpro holds the mean of one layer alone"),
        ({"include": "per_tok", "format": "npz"}, "--format npz holds vectors"),
        (
            {"include": "contacts", "format": "h5", "long": "window"},
            "contacts cannot be joined from windows",
        ),
        ({"format": "h5,esm", "merge": True}, "--format esm many of one"),
        (
            {"include": "mean,per_tok", "format": "h5", "store": "shared"},
            "--store does not keep per_tok",
        ),
        ({"no_dereplication": True, "store": "shared"}, "leave out --no-dereplication"),
    ],
)
def test_what_cannot_be_had_together_is_refused_before_anything_starts(
    options: dict[str, Any], answer: str
) -> None:
    with pytest.raises(UserError, match=answer):
        asked_of(**options)


def models_of(
    *texts: str, inputs: tuple[str, ...] = ("a.faa",)
) -> list[tuple[str, tuple[str, ...]]]:
    settings = run_settings(inputs, Path("out"), ModelOptions(model=texts))
    return [(one.model, one.inputs) for one in settings.by_model]


def test_several_models_share_the_inputs_or_have_their_own(tmp_path: Path) -> None:
    assert models_of("A", "B") == [("A", ("a.faa",)), ("B", ("a.faa",))]
    assert models_of("A", "B=genes") == [("A", ("a.faa",)), ("B", ("genes",))]
    assert models_of("A=x", "B=y", "A=z", inputs=()) == [("A", ("x", "z")), ("B", ("y",))]
    odd = tmp_path / "lr=3.pt"
    odd.touch()
    assert models_of(str(odd)) == [(str(odd), ("a.faa",))]


@pytest.mark.parametrize(
    ("models", "inputs", "message"),
    [
        (("A", "A"), ("a.faa",), "--model A is named twice: name each model once"),
        (("A", "A=x"), ("a.faa",), "--model A is named twice"),
        (("A=x", "B=y"), ("a.faa",), "a.faa has no model: each --model names inputs of its own"),
        (("A=x", "B"), (), "--model B has no input: name INPUT, or --model B=INPUT"),
    ],
)
def test_a_model_without_inputs_and_inputs_without_a_model_are_refused(
    models: tuple[str, ...], inputs: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        models_of(*models, inputs=inputs)
