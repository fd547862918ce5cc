"""Why a device or a file is in the state that it is in: sentences with the program's numbers."""
