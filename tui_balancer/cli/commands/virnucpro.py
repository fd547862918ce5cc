"""The command virnucpro: both halves of VirNucPro's features, in one run."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui_balancer.cli.commands.run import carried_out
from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.options import (
    BalancingOptions,
    DeviceOptions,
    ModelOptions,
    ResumingOptions,
    ScreenOptions,
    ScriptOptions,
)
from tui_balancer.embedding.settings import PrecisionChoice
from tui_balancer.exit_codes import EXIT_FAILED

NUCLEOTIDE_MODEL, PROTEIN_MODEL = "DNABERT-S", "esm2_t36_3B_UR50D"
"""The models that VirNucPro was trained with."""

EMBEDDINGS = "_embeddings"
"""The ending of the run folder."""


def virnucpro(
    prefix: Annotated[
        str, Parameter(name="PREFIX", help="VirNucPro's input file without its .fa or .fasta.")
    ],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help=f"The run folder (default: PREFIX{EMBEDDINGS})."),
    ] = None,
    nucleotide_model: Annotated[
        str, Parameter(help="Embeds the nucleotides; as --model of run.")
    ] = NUCLEOTIDE_MODEL,
    protein_model: Annotated[
        str, Parameter(help="Embeds the proteins; as --model of run.")
    ] = PROTEIN_MODEL,
    precision: Annotated[
        PrecisionChoice, Parameter(help="Number format of the matrix products, as for run.")
    ] = "auto",
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    resuming: ResumingOptions | None = None,
    screen: ScreenOptions | None = None,
    script: ScriptOptions | None = None,
) -> int:
    """Make the features that VirNucPro's prediction reads.

    Embeds PREFIX_nucleotide/*.fa and PREFIX_protein/*.fa, as VirNucPro's preparation writes them,
    in one run, and writes PREFIX_merged/NAME_merged.pt for each pair. The same command resumes an
    unfinished run.
    """
    from tui_balancer.cli.settings import run_settings
    from tui_balancer.export.virnucpro import (
        NUCLEOTIDES,
        PROTEINS,
        find_pairs,
        folder_of,
        merge_features,
        refuse_others_features,
    )
    from tui_balancer.formatting import plural
    from tui_balancer.inputs.text import terminal_safe

    pairs = find_pairs(prefix)
    if not (resuming and resuming.overwrite):
        refuse_others_features(pairs)
    folder = output or folder_of(prefix, EMBEDDINGS)
    halves = ((nucleotide_model, NUCLEOTIDES), (protein_model, PROTEINS))
    models = tuple(
        f"{model}={glob.escape(str(folder_of(prefix, ending)))}/*.fa" for model, ending in halves
    )
    settings = run_settings(
        (),
        folder,
        ModelOptions(model=models),
        devices,
        balancing,
        EmbeddingOptions(precision=precision),
    )
    code = carried_out(settings, resuming, screen, None, script)
    made = merge_features(folder, pairs)
    print(f"{plural(made.files, 'file')} of features in {pairs[0].merged.parent}")
    for problem in made.problems:
        print(f"problem  {terminal_safe(problem, 300)}")
    return code or (EXIT_FAILED if made.problems else code)
