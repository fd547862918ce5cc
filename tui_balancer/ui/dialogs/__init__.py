"""The questions that the program asks, one a file."""
