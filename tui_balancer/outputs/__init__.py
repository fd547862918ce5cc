"""One output file per input: where it lies, how it is written, what its metadata says."""
