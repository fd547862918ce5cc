"""The manual: pages of Markdown that ship with the program."""
