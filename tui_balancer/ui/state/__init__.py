"""What the screen remembers of a run: rates, files, spans of work, events; no widgets here."""
