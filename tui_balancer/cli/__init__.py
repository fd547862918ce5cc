"""The command line: parses options into settings; one module per command."""
