"""The models of a run: which they are, and what each computes of which inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from tui_balancer.alphabets import Alphabet
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.limits import default_max_length
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.discovery import InputFile, find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.outputs.layout import STEM_SUFFIX, distinct_marks
from tui_balancer.representations import Representations
from tui_balancer.run.prepare.batch_size import suitable_batch_tokens
from tui_balancer.run.prepare.precision import choose_precision
from tui_balancer.run_folder.settings_json import resolved
from tui_balancer.settings import RunSettings


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model of a run, checked to load.

    Attributes:
        source: The model.
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
