"""What widgets are made of: painted lines, and lists of rows in columns."""
