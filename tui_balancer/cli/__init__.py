"""The command line: words into settings, one module a command."""
