"""The ledger's tables. They are public: people query them, other programs may read them.

The file is `ledger.sqlite` in the run folder, `PRAGMA user_version` its version.

`run`, one row: what the run is. `settings` is JSON; `scanned_at` is NULL until the files
are recorded.

`sessions`: one row for every app process that worked on the run. `ended_at` NULL and a later
session means that it died. `age_seconds` is what its command had taken before.

`files`: one row for every input, and for every shard of one. `state` is waiting, leased, done or
failed; `reason` says why it failed or waits again; `cause` is the kind of failure in a word,
a `FailureCause`, and empty in other states; `attempts` is the epoch of the newest lease, which
`device` had; `deaths` counts the workers that died since it was new or tried again;
`owned` is 1 from the moment on at which outputs are put in place: what lies there is the run's;
`exact_name` is its name where `name` had to be changed to be printed, and else empty;
`output` is relative to the run folder; `cost` is in FLOPs. A path that is not UTF-8 is a BLOB. A
large file that is divided has so many `shards` in the rows after it, each with the file's number as
`whole`, which is -1 in all other rows; what a shard's `output` holds becomes part of the file's.

`additions`: one row for every command to add inputs that was accepted and is not done; `command` is
JSON. A session that takes up the run does it.

`left_out`: one row for every file of a watched folder that is no input: `source`, and its size and
time when a warning told of it.

`outputs`: one row for every output of a done file but the first: in other formats, and the
index. The first one's is in `files`. The `mtime_ns` of an output is its last change, Unix time in
nanoseconds, or 0 for a folder.

`leases`: one row for every time a unit was handed to a worker. `ended` and `how` are NULL
while it is out; `how` is done, failed, returned, worker died or lost (the app died).

`devices`: one row for every device of each session whose worker got as far as loading the model.

`events`: everything that happened, as in the log on the screen; `sequence` counts from 1 in
each session, `payload` is JSON.

Times: `…_at` is Unix time, `granted`, `ended` and `seconds` count from the session's start.
"""

from __future__ import annotations

LEDGER_NAME = "ledger.sqlite"

SCHEMA_VERSION = 11

APPLICATION_ID = 0x54554942
"""`TUIB` in ASCII: tells a ledger from any other SQLite file."""

TABLES = (
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        created_at REAL NOT NULL,
        model TEXT NOT NULL,
        settings TEXT NOT NULL,
        scanned_at REAL
    )""",
    """CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        started_at REAL NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        versions TEXT NOT NULL,
        ended_at REAL,
        end TEXT,
        reason TEXT NOT NULL DEFAULT '',
        age_seconds REAL NOT NULL
    )""",
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        unit INTEGER NOT NULL,
        bundle INTEGER NOT NULL,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        output TEXT NOT NULL UNIQUE,
        sequences INTEGER NOT NULL,
        residues INTEGER NOT NULL,
        cost REAL NOT NULL,
        error TEXT NOT NULL,
        shards INTEGER NOT NULL,
        whole INTEGER NOT NULL,
        first_byte INTEGER NOT NULL,
        end_byte INTEGER NOT NULL,
        records_before INTEGER NOT NULL,
        exact_name TEXT NOT NULL,
        cause TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'done', 'failed')),
        reason TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        device TEXT NOT NULL DEFAULT '',
        output_sha256 TEXT NOT NULL DEFAULT '',
        output_bytes INTEGER NOT NULL DEFAULT 0,
        vectors INTEGER NOT NULL DEFAULT 0,
        truncated INTEGER NOT NULL DEFAULT 0,
        replaced INTEGER NOT NULL DEFAULT 0,
        skipped INTEGER NOT NULL DEFAULT 0,
        deaths INTEGER NOT NULL DEFAULT 0,
        owned INTEGER NOT NULL DEFAULT 0,
        by_hand INTEGER NOT NULL DEFAULT 0,
        output_mtime_ns INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX files_of_unit ON files (unit)",
    "CREATE TABLE additions (id INTEGER PRIMARY KEY, command TEXT NOT NULL)",
    """CREATE TABLE left_out (
        source TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE outputs (
        file INTEGER NOT NULL REFERENCES files (id),
        output TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        PRIMARY KEY (file, output)
    ) WITHOUT ROWID""",
    """CREATE TABLE leases (
        unit INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        session INTEGER NOT NULL REFERENCES sessions (id),
        device TEXT NOT NULL,
        granted REAL NOT NULL,
        ended REAL,
        how TEXT,
        PRIMARY KEY (unit, epoch, session)
    ) WITHOUT ROWID""",
    """CREATE TABLE devices (
        session INTEGER NOT NULL REFERENCES sessions (id),
        device TEXT NOT NULL,
        name TEXT NOT NULL,
        weight REAL NOT NULL,
        threads INTEGER NOT NULL,
        memory_bytes INTEGER,
        load_seconds REAL NOT NULL,
        busy_seconds REAL NOT NULL,
        restarts INTEGER NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (session, device)
    ) WITHOUT ROWID""",
    """CREATE TABLE events (
        session INTEGER NOT NULL REFERENCES sessions (id),
        sequence INTEGER NOT NULL,
        seconds REAL NOT NULL,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (session, sequence)
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

FILE_COLUMNS = (
    "id, unit, bundle, name, source, sha256, size_bytes, mtime_ns, output, "
    "sequences, residues, cost, error, shards, whole, first_byte, end_byte, records_before, "
    "exact_name, cause"
)
"""In the order of `FileRecord`'s fields."""

OUTCOME_COLUMNS = (
    "state, reason, attempts, device, "
    "output_sha256, output_bytes, vectors, truncated, replaced, skipped, deaths, "
    "owned, by_hand, output_mtime_ns"
)
"""In the order of `FileRow`'s fields after the file."""
