"""What the screen stores of a run: rates, files, spans of work, events; no widgets."""
