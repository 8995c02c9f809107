"""The node's own database, `pool.db`: outbox and journal. The only module here that knows SQLite.

Every write survives kill -9 before anybody hears of it. Those that a power cut must not take are on the
disk too (synchronous=FULL); passing ones are not waited for: the disk took 47 µs when it was idle and 60
to 110 ms while a profile was copied, and a customer's QR waited for that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

_SCHEMA = """
create table if not exists outbox (
    seq integer primary key,       -- microseconds of writing, made unique: grows even when pool.db is lost
    id text not null unique,
    session_id text not null,
    generation integer not null,
    type text not null,
    occurred_at text not null,
    data text not null,
    refused text                   -- why the functions will never take it; kept for the operator
) strict;
create index if not exists outbox_by_session on outbox (session_id, seq);
create table if not exists journal (
    session_id text primary key,
    spec text not null,            -- SessionSpec as JSON
    status text not null,          -- what we last reported
    phone_number text,
    profile text not null,         -- directory name: the session's id, or that of the warm slot it came from
    ref text,                      -- the QR last reported, so that attaching again does not report it twice
    pid integer,                   -- the browser, when there is one
    pid_started integer,           -- its start in clock ticks: a pid is reused, this pair is not
    port integer,
    hibernated_at text,            -- since when the login lies on disk without a browser
    updated_at text not null
) strict;
create table if not exists nonces (
    nonce text primary key,        -- of a signed call; a second one within the signature's life is a replay
    used_at text not null
) strict;
create index if not exists nonces_by_age on nonces (used_at);
create table if not exists drills (
    session_id text primary key,
    held_at text not null,         -- when its newest snapshot was last opened
    passed integer not null
) strict;
create table if not exists used (
    session_id text primary key,
    generation integer not null    -- the newest under which the profile on this disk was used
) strict;
"""


def open_pool_db(path: Path) -> Database:
    """Open or create the database, mode 0600, WAL."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=True)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma busy_timeout = 5000")
    connection.executescript(_SCHEMA)
    return Database(connection)


@contextmanager
def transaction(db: Database, *, passing: bool = False) -> Iterator[None]:
    """What is written inside is kept together, or not at all. One inside another joins it.

    `passing` says that a power cut may take it: what it tells of (a QR, a start) dies by that cut anyhow.
    A later write that is not passing brings it to the disk too.
    """
    if db.conn.in_transaction:
        yield
        return
    if passing:
        db.execute("pragma synchronous = normal")
    try:
        db.execute("begin immediate")
        try:
            yield
        except BaseException:
            db.execute("rollback")
            raise
        db.execute("commit")
    finally:
        if passing:
            db.execute("pragma synchronous = full")
