"""The models of a run: which they are, and what each computes of which inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations

from tui_balancer.alphabets import Alphabet
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.limits import default_max_length
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.discovery import InputFile, find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.outputs.layout import STEM_SUFFIX, distinct_marks
from tui_balancer.representations import Representations
from tui_balancer.run.prepare.batch_size import suitable_batch_tokens
from tui_balancer.run.prepare.precision import choose_precision
from tui_balancer.run_folder.settings_json import resolved
from tui_balancer.scheduler.model import DeviceSpec, ModelSpec
from tui_balancer.scheduler.policy.assignment import known_speeds
from tui_balancer.scheduler.policy.model_shares import model_shares
from tui_balancer.settings import RunSettings

_FLOAT_BYTES = 4

_LOADED_BYTES = 1e9
"""Bytes of weights that are loaded in a second, until it is measured: a plain SSD's rate."""

_SAMPLE = 1000
"""Inputs whose sizes are looked up for a guess; more would only take longer."""

_COMMON = 300
"""Residues of an average protein, which has a small effect on the cost of a residue."""


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model of a run, checked to load.

    Attributes:
        embedding: Settings that determine the bytes of its outputs, the same for all devices.
        reading: How its inputs are read.
        inputs: Its inputs, not yet read; none if the ledger has them.
        mark: In the names of its outputs.
        label: In the names of its files, where the run has several models; else empty.
    """

    source: ModelSource
    embedding: EmbeddingSettings
    reading: ReadingRules
    inputs: tuple[InputFile, ...]
    mark: str = STEM_SUFFIX
    label: str = ""

    @property
    def rate_name(self) -> tuple[str, str]:
        """Its name and number format, to which measured rates belong."""
        return self.source.name, self.embedding.precision

    @property
    def plan_mark(self) -> str:
        """In the place of its plan of shared sequences, see `dereplication.plan_folder`."""
        return self.mark if self.label else ""

    @property
    def kept(self) -> Representations:
        """The kinds of embedding to keep."""
        return self.embedding.representations(self.source.shape.layers, self.source.shape.width)


def settled(
    settings: RunSettings, source: ModelSource, devices: Sequence[SelectedDevice]
) -> tuple[RunSettings, EmbeddingSettings]:
    """Return the settings of a model alone with what the model and the devices decide.

    Raises:
        UserError: A device lacks a requested feature.
    """
    shape = source.shape
    longest = settings.reading.max_length or default_max_length(shape)
    reading = replace(settings.reading, alphabet=shape.alphabet, max_length=longest)
    settings = replace(settings, reading=reading)
    asked = settings.embedding_settings(
        settings.embedding.batch_tokens or suitable_batch_tokens(devices, shape),
        choose_precision(
            settings.embedding.precision,
            devices,
            reference=settings.embedding.reference,
            formats=FAMILIES[shape.family].precisions,
        ),
    )
    # Workers use it to check that kept batches belong to this run, also after a resume.
    return settings, resolved(asked, source)


def model_spec(source: ModelSource) -> ModelSpec:
    """Return a model as the coordinator knows it."""
    return ModelSpec(source.name, _FLOAT_BYTES * source.shape.weights / _LOADED_BYTES)


def first_models(
    specs: Sequence[DeviceSpec], models: Sequence[PreparedModel], costs: Sequence[float] | None
) -> tuple[DeviceSpec, ...]:
    """Return the devices with the model that each loads first, before the inputs are counted.

    Args:
        specs: The devices.
        models: The run's models.
        costs: FLOPs that are left of each model; None guesses by the sizes of its inputs.
    """
    if costs is None:
        costs = [_guessed_cost(model) for model in models]
    if not sum(costs) > 0:
        return tuple(specs)
    shares = model_shares(dict(enumerate(costs)), specs, known_speeds(specs))
    return tuple(
        replace(spec, model=max(share, key=lambda model: share[model]))
        if (share := shares[spec.device])
        else spec
        for spec in specs
    )


def _guessed_cost(model: PreparedModel) -> float:
    """Return about how many FLOPs a model's inputs take, from the sizes of a sample of them."""
    if not model.inputs:
        return 0.0
    step = -(-len(model.inputs) // _SAMPLE)
    sizes = []
    for file in model.inputs[::step]:
        with suppress(OSError):
            sizes.append(file.path.stat().st_size)
    return step * sum(sizes) * model.source.shape.sequence_flops(_COMMON) / _COMMON


def settled_marks(sources: Sequence[ModelSource]) -> tuple[str, ...]:
    """Return the marks of models; none for one model with the usual mark.

    A family has a mark, and where several models of the run would have it, each has its own name.

    Raises:
        UserError: A model is named twice.
    """
    if twice := _repeated(source.label for source in sources):
        raise UserError(f"--model {twice} is named twice: name each model once")
    of_families = [FAMILIES[source.shape.family].mark for source in sources]
    marks = distinct_marks(
        [
            mark if of_families.count(mark) == 1 else source.name
            for mark, source in zip(of_families, sources, strict=True)
        ]
    )
    return () if marks == (STEM_SUFFIX,) else marks


def inputs_of_models(
    settings: RunSettings, inputs: tuple[InputFile, ...]
) -> list[tuple[InputFile, ...]]:
    """Return the inputs of each model.

    Args:
        settings: The requested run.
        inputs: Those of all models, as found.

    Raises:
        UserError: The inputs of a model are gone meanwhile.
    """
    alone = settings.by_model
    if len({one.inputs for one in alone}) == 1:
        return [inputs] * len(alone)
    found = [{file.source for file in find_inputs(one.inputs)} for one in alone]
    return [tuple(file for file in inputs if file.source in sources) for sources in found]


def refuse_wrong_alphabets(models: Sequence[PreparedModel]) -> None:
    """Check that no input would go to models of which one reads proteins, one nucleotides.

    Raises:
        UserError: One would.
    """
    for one, other in combinations(models, 2):
        reads = [_read_by(model.source.shape.alphabet) for model in (one, other)]
        if reads[0] == reads[1]:
            continue
        theirs = {file.source for file in other.inputs}
        if shared := next((file for file in one.inputs if file.source in theirs), None):
            raise UserError(
                f"{one.source.name} reads {reads[0]} and {other.source.name} {reads[1]}, but "
                f"{shared.name} is an input of both: name the inputs of each, as "
                f"--model {one.source.name}=FOLDER --model {other.source.name}=FOLDER"
            )


def _read_by(alphabet: Alphabet) -> str:
    return "nucleotides" if alphabet.nucleotides else "proteins"


def _repeated(labels: Iterable[str]) -> str:
    """Return a label that is there twice; empty if none is."""
    return next((label for label, count in Counter(labels).items() if count > 1), "")
