"""The summary of a run as plain lines, and its exit code."""

from __future__ import annotations

from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from tui_balancer.formatting import count, duration, percent, plural, quantity
from tui_balancer.view.handle import DeviceSummary, RunSummary


def exit_code(summary: RunSummary) -> int:
    """Return the exit code: 0 all done, 1 some failed, skipped or waiting, 130 interrupted."""
    if summary.damaged:
        return EXIT_FAILED
    if summary.interrupted and summary.waiting:
        return EXIT_INTERRUPTED
    incomplete = summary.failed or summary.skips or summary.waiting or summary.missing
    return EXIT_FAILED if incomplete else EXIT_DONE


def summary_lines(summary: RunSummary) -> tuple[str, ...]:
    """Return the lines of the summary."""
    files = summary.done + len(summary.failed) + len(summary.skips) + summary.waiting
    work = f"{plural(summary.sequences, 'sequence')}, {quantity(summary.residues)} residues"
    lines = [f"{count(summary.done)} of {plural(files, 'file')} done: {work}"]
    if summary.earlier.files:
        lines.append(_session_line(summary))
    else:
        lines[0] += _in_time(summary)
    if summary.damaged:
        lines.insert(0, f"problem  {summary.stop_reason}")
        lines[1] = f"before that, {lines[1]}"
    elif summary.stop_reason:
        lines.append(f"ended early: {summary.stop_reason}")
    if summary.waiting:
        lines.append(
            f"{plural(summary.waiting, 'file')} still waiting: "
            f"`tui-balancer resume {summary.output}` continues"
        )
    if summary.copies:
        lines.append(f"{plural(summary.copies, 'sequence')} equal earlier ones: computed once")
    if summary.from_store:
        lines.append(f"{plural(summary.from_store, 'sequence')} in the store: not computed")
    if summary.missing:
        lines.append(
            f"{plural(summary.missing, 'sequence')} did not fit into memory and are not in their "
            "outputs: failed_ids in the metadata"
        )
    if summary.failed:
        lines.append(f"{plural(len(summary.failed), 'file')} failed:")
        lines += [f"  {file.name}: {file.reason}" for file in summary.failed]
        lines.append(
            f"what to do: `tui-balancer explain {summary.output} FILE` says it; then "
            f"`tui-balancer resume {summary.output} --retry-failed` tries them again"
        )
    if summary.skips:
        lines.append(f"{plural(len(summary.skips), 'file')} skipped by hand:")
        lines += [f"  {file.name}" for file in summary.skips]
    lines.append(f"model    {summary.model_label}")
    lines += [_device_line(device, summary.elapsed_seconds) for device in summary.devices]
    balance = f"{plural(summary.files_stolen, 'file')} stolen, {count(summary.moves)} moved by hand"
    if summary.splits:
        balance += f", {plural(summary.splits, 'running file')} shared"
    if summary.efficiency is not None:
        balance += f", {percent(summary.efficiency)} efficient"
    lines.append(f"balance  {balance}")
    if summary.first_batch_seconds is not None:
        lines.append(f"start    first batch {summary.first_batch_seconds:.1f}s after the command")
    if summary.prediction_errors is not None:
        usual, worst = map(percent, summary.prediction_errors)
        lines.append(
            f"timing   predicted times are off by at most {usual} for half of the files, "
            f"{worst} for 95% of them"
        )
    lines += [f"warning  {line}" for line in summary.warnings]
    lines.append(f"outputs  {summary.output}")
    return tuple(lines)


def _session_line(summary: RunSummary) -> str:
    """Return the work of this session in a resumed run."""
    before = summary.earlier.files
    now = summary.done - before
    if now == 0:
        return f"nothing new: {plural(before, 'file')} done before, their outputs are unchanged"
    work = f"{plural(summary.sequences_now, 'sequence')}, {quantity(summary.residues_now)} residues"
    here = f"this session {plural(now, 'file')}: {work}{_in_time(summary)}"
    return f"{here}; {count(before)} done before"


def _in_time(summary: RunSummary) -> str:
    """Return the duration and speed of the session's work."""
    seconds = summary.elapsed_seconds
    rate = summary.residues_now / seconds if seconds > 0 else None
    return f" in {duration(seconds)} ({quantity(rate)} residues/s)"


def _device_line(device: DeviceSummary, elapsed_seconds: float) -> str:
    busy = percent(device.busy_share(elapsed_seconds))
    line = (
        f"{device.device:<8} {plural(device.files, 'file')}, {quantity(device.residues)} residues, "
        f"busy {busy}, stole {device.stolen_to}, gave {device.stolen_from}"
    )
    if device.idle_seconds is not None:
        line += f", idle {duration(device.idle_seconds)}"
    if device.load_seconds is not None:
        line += f", model loaded in {device.load_seconds:.1f}s"
    if device.restarts:
        line += f", restarted {plural(device.restarts, 'time')}"
    return f"{line} ({device.name})" if device.name else line
