"""The run's SQLite database and its lock."""
