"""The run's SQLite database: what happened to every file, and who may write it."""
