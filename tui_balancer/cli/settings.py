"""Converts options to settings, and refuses contradictions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.options import (
    BalancingOptions,
    DeviceOptions,
    ModelOptions,
    WatchOptions,
    option_name,
)
from tui_balancer.errors import UserError
from tui_balancer.inputs.records import OF_THE_MODEL, ReadingRules
from tui_balancer.outputs.formats import parse_formats, require_room
from tui_balancer.representations import Kind, Representations, kinds_named
from tui_balancer.scheduler.model import CountSettings, PolicySettings, TimeSettings
from tui_balancer.scheduler.policy.rule_settings import validate
from tui_balancer.settings import (
    BalancingSettings,
    DeviceSettings,
    EmbeddingChoice,
    OutputSettings,
    Priority,
    RunSettings,
    Shards,
    StoreSettings,
    WatchSettings,
    overlaid,
)

_SIZE = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>[kmgt]?i?b)", re.IGNORECASE)
_UNITS = {"B": 1, "IB": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for suffix, base in (("B", 1000), ("IB", 1024))
}

_MOST_SHARD = 1 << 60

_PRIORITY = re.compile(r"(?P<pattern>.+)=(?P<number>-?\d{1,9})", re.DOTALL)

_POLICIES: Mapping[str, type[PolicySettings]] = {"time": TimeSettings, "count": CountSettings}


def run_settings(
    inputs: tuple[str, ...] = (),
    output: Path = Path(),
    model: ModelOptions | None = None,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    embedding: EmbeddingOptions | None = None,
    watching: WatchOptions | None = None,
) -> RunSettings:
    """Return the settings of the options; groups that are None have their defaults.

    Raises:
        UserError: Two options contradict each other, or a value is invalid.
    """
    model, embedding = model or ModelOptions(), embedding or EmbeddingOptions()
    layers = _layers(embedding)
    include = kinds_named(word.strip() for word in embedding.include.split(","))
    formats = parse_formats(embedding.format)
    require_room(formats, Representations(layers, include, width=1))
    if embedding.merge:
        from tui_balancer.export.merge import require_mergeable

        require_mergeable(formats)
    for kind in include:
        if embedding.long == "window" and not kind.joins:
            raise UserError(f"{kind.name} cannot be joined from windows: choose another --long")
    named = _models(model.model, inputs)
    first = overlaid(
        RunSettings(named[0].inputs, output, named[0].model, model.seed, model.read_as),
        embedding=overlaid(
            EmbeddingChoice(),
            embedding,
            repr_layers=layers,
            include=tuple(kind.name for kind in include),
            dereplicate=not embedding.no_dereplication,
        ),
        reading=overlaid(
            ReadingRules(), embedding, max_length=embedding.max_length or OF_THE_MODEL
        ),
        outputs=overlaid(OutputSettings(), embedding, formats=formats),
        devices=overlaid(DeviceSettings(), devices or DeviceOptions()),
        balancing=_balanced(balancing or BalancingOptions()),
        shards=_shards(embedding.shard),
        store=_store(embedding, include),
        watching=overlaid(WatchSettings(), watching or WatchOptions()),
    )
    others = [replace(first, model=one.model, inputs=one.inputs) for one in named[1:]]
    return RunSettings.of_models([first, *others])


@dataclass(frozen=True, slots=True)
class _Model:
    """A model as the command line names it, with its inputs."""

    model: str
    inputs: tuple[str, ...]


def _models(texts: Sequence[str], inputs: tuple[str, ...]) -> list[_Model]:
    """Return the models of `--model`, each `MODEL` or `MODEL=INPUT`.

    Args:
        texts: The values of `--model`; a model that is named again has several inputs of its own.
        inputs: Of the models without inputs of their own.

    Raises:
        UserError: Some inputs have no model, or a model has no input.
    """
    own: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, place = text.partition("=")
        # The path of a checkpoint may have an equals sign.
        if not equals or Path(text).expanduser().exists():
            name, place = text, ""
        if name in own and not (place and own[name]):
            raise UserError(f"--model {name} is named twice: name each model once")
        own[name] = (*own.get(name, ()), *([place] if place else ()))
    if all(own.values()):
        if inputs:
            raise UserError(
                f"{inputs[0]} has no model: each --model names inputs of its own. Leave it out, or "
                "name a model without =INPUT"
            )
    elif any(own.values()) and not inputs:
        name = next(name for name, places in own.items() if not places)
        raise UserError(f"--model {name} has no input: name INPUT, or --model {name}=INPUT")
    return [_Model(name, places or inputs) for name, places in own.items()]


def resumed_settings(
    stored: RunSettings,
    devices: DeviceOptions | None,
    balancing: BalancingOptions | None,
    watching: WatchOptions | None = None,
) -> RunSettings:
    """Return a stored run's settings, changed by options that do not affect results.

    Args:
        stored: Settings at the start of the run.
        devices: Each given option replaces the stored one.
        balancing: Replaces the stored policy as a whole; None keeps it. Priorities stay unless
            there are others.
        watching: Each given option replaces the stored one.

    Raises:
        UserError: Two options contradict each other.
    """
    return replace(
        stored,
        devices=overlaid(stored.devices, devices or DeviceOptions()),
        balancing=_rebalanced(stored.balancing, balancing),
        watching=overlaid(
            stored.watching,
            watching or WatchOptions(),
            watch=stored.watching.watch or (watching is not None and watching.watch),
        ),
    )


def require_watch(options: WatchOptions | None, settings: RunSettings) -> None:
    """Refuse options about watching in a run that does not watch.

    Raises:
        UserError: There is one.
    """
    for name in ("settle", "idle_exit"):
        if getattr(options, name, None) is not None and not settings.watching.watch:
            raise UserError(f"{option_name(WatchOptions, name)} needs --watch")


def policy_settings(balancing: BalancingOptions) -> PolicySettings:
    """Return the stealing policy of the options.

    Raises:
        UserError: An option of the other policy, or a number out of range.
    """
    kind, other = _POLICIES[balancing.policy], "count" if balancing.policy == "time" else "time"
    for name in _POLICIES[other].__struct_fields__:
        if getattr(balancing, name) is not None:
            raise UserError(
                f"{option_name(BalancingOptions, name)} does not belong to --policy "
                f"{balancing.policy}: leave it out, or choose --policy {other}"
            )
    numbers = {name: getattr(balancing, name) for name in kind.__struct_fields__}
    settings = kind(**{name: value for name, value in numbers.items() if value is not None})
    validate(settings)
    return settings


def _balanced(options: BalancingOptions) -> BalancingSettings:
    """Return the balancing settings of the options."""
    return overlaid(
        BalancingSettings(),
        options,
        policy=policy_settings(options),
        stealing=not options.no_stealing,
        splitting=options.split == "auto",
        priorities=tuple(map(_priority, options.priority)),
    )


def _store(options: EmbeddingOptions, include: Sequence[Kind]) -> StoreSettings:
    """Return the settings of the store."""
    if options.store is None:
        return StoreSettings()
    for kind in include:
        if not kind.fixed:
            raise UserError(
                f"--store does not keep {kind.name}, which is as large as its output: leave "
                "--store out, or choose mean and bos with --include"
            )
    if options.no_dereplication:
        raise UserError("--store computes no sequence twice: leave out --no-dereplication")
    return StoreSettings(str(Path(options.store).expanduser().absolute()))


def parse_size(text: str) -> float | None:
    """Return the bytes of a size such as `64MB`; None if it is none."""
    found = _SIZE.fullmatch(text.strip())
    return float(found["number"]) * _UNITS[found["unit"].upper()] if found is not None else None


def _rebalanced(stored: BalancingSettings, options: BalancingOptions | None) -> BalancingSettings:
    """Return the balancing settings of a resumed run."""
    if options is None:
        return stored
    settings = _balanced(options)
    return replace(settings, priorities=settings.priorities or stored.priorities)


def _priority(text: str) -> Priority:
    """Return the priority of some files."""
    found = _PRIORITY.fullmatch(text)
    if found is None:
        raise UserError(f"--priority {text} is not PATTERN=N: write it as --priority 'plate7/*=5'")
    return Priority(found["pattern"], int(found["number"]))


def _shards(text: str) -> Shards:
    """Return the sharding settings."""
    if text in ("auto", "off"):
        return Shards() if text == "auto" else Shards(None)
    size = parse_size(text) or 0.0
    if not 0 < size <= _MOST_SHARD:
        raise UserError(f"--shard {text} is not a size: write it as 64MB, or auto, or off")
    return Shards(round(size), explicit=True)


def _layers(embedding: EmbeddingOptions) -> tuple[int, ...]:
    """Return the requested layers."""
    if embedding.repr_layers is None:
        return (embedding.repr_layer,)
    try:
        return tuple(dict.fromkeys(int(word) for word in embedding.repr_layers.split(",")))
    except ValueError:
        raise UserError(
            f"--repr-layers {embedding.repr_layers} is not a list of layers: write it as 0,5,-1"
        ) from None
