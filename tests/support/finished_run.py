"""Runs that are finished without a model: real inputs, ledger and outputs, made-up vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
from msgspec.structs import replace as with_fields

from tests.support.outputs import METADATA
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.ledger.changes import FileDone, LeaseEnded, LeaseGranted, OutputsOwned
from tui_balancer.ledger.records import LeaseEnd, OutputRecord, RunRecord, SessionEnd, SessionRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.ledger.writing import Ledger
from tui_balancer.outputs.content import Content, Entry
from tui_balancer.outputs.formats import FORMATS, FormatName, outputs_of, writer
from tui_balancer.outputs.layout import output_paths
from tui_balancer.representations import Representations
from tui_balancer.run_folder.manifest import file_records
from tui_balancer.run_folder.settings_json import run_record
from tui_balancer.settings import DeviceSettings, OutputSettings, RunSettings

MODEL = "esm2_t6_8M_UR50D"
CPUS = (SelectedDevice("cpu:0", "a CPU", None),)
KEPT = Representations.mean(6, 5)
RULES = ReadingRules()


def vector_of(header: str, name: str) -> np.ndarray:
    """Return the made-up vector of a sequence: a function of its header and its input's name."""
    digest = hashlib.sha256(f"{name} {header}".encode(errors="surrogateescape")).digest()
    return np.frombuffer(digest[:5], np.uint8).astype(np.float32)


def finish_run(inputs: Path, folder: Path, formats: Sequence[FormatName] = ("virnucpro",)) -> Path:
    """Write the ledger and the outputs of a run over a folder; files that cannot be read fail."""
    folder.mkdir()
    scans = scan(find_inputs([inputs]), RULES)
    paths = output_paths([one.input for one in scans], FORMATS[formats[0]].suffix)
    shape = MODELS[MODEL]
    ledger = Ledger.create(
        folder / LEDGER_NAME, _run(inputs, folder, formats), SessionRecord(1000.0, "node1", 11, {})
    )
    files = file_records(scans, paths, shape, batch_tokens=0)
    ledger.record_scan(files, 1001.0)
    for file in files:
        if file.error:
            continue
        ledger.append(None, LeaseGranted(file.file_id, 1, "cpu:0", 1.0))
        ledger.append(None, OutputsOwned(file.file_id))
        first, *others = _write(Path(file.source), folder / file.output, formats)
        ledger.append(
            None,
            FileDone(
                *(file.file_id, first.sha256, first.bytes, file.sequences),
                others=tuple(
                    with_fields(one, output=str(Path(one.output).relative_to(folder)))
                    for one in others
                ),
                output_mtime_ns=first.mtime_ns,
            ),
            LeaseEnded(file.file_id, 1, LeaseEnd.DONE, 2.0),
        )
    ledger.end_session(1002.0, SessionEnd.FINISHED)
    ledger.close()
    return folder


def _run(inputs: Path, folder: Path, formats: Sequence[FormatName]) -> RunRecord:
    settings = RunSettings(
        (str(inputs),),
        folder,
        f"untrained:{MODEL}",
        outputs=OutputSettings(tuple(formats)),
        devices=DeviceSettings("cpu"),
    )
    model = UntrainedModel(MODEL, seed=0).source()
    embedding = EmbeddingSettings(max_length=1022, batch_tokens=1024)
    return run_record(settings, [(model, embedding)], CPUS)


def _write(source: Path, output: Path, formats: Sequence[FormatName]) -> list[OutputRecord]:
    records = read_fasta(source, RULES).records
    entries = [Entry(one.id, one.header, one.length, len(one.residues)) for one in records]
    matrix = np.stack([vector_of(one.header, source.name) for one in records])
    name = source.name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    content = Content(entries, KEPT, lambda: matrix, METADATA | {"input_name": name})
    output.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for one in outputs_of(formats):
        path = output.with_suffix(one.suffix)
        done = writer(one).write(path, content)
        written.append(OutputRecord(str(path), *astuple(done)))
    return written
