"""The shape of the database, grown step by step. A step that was released is never changed; add another."""

from __future__ import annotations

import sqlite3

from botkit.errors import StoreError

APPLICATION_ID = 0x626F746B  # "botk", at offset 68 of the file: tells our databases from other programs'

_MESSAGES = (
    "CREATE TABLE room (id INTEGER PRIMARY KEY, account TEXT NOT NULL, address TEXT NOT NULL,"
    " UNIQUE (account, address)) STRICT",
    # Times are microseconds since 1970, UTC. "room" says the account, too. "body" is what is shown; "original" is
    # set only where that differs from what was first said. "origin_id" is NULL where it equals "message_id".
    # "corrects" points a correction to its message. Times of ours and of the server's clock may differ.
    """CREATE TABLE message (
        number INTEGER PRIMARY KEY,
        room INTEGER NOT NULL REFERENCES room (id),
        archive_id TEXT, message_id TEXT, origin_id TEXT, replaces TEXT, corrects INTEGER,
        at INTEGER NOT NULL, source TEXT NOT NULL,
        nick TEXT NOT NULL, identity TEXT, occupant_id TEXT, real TEXT,
        body TEXT NOT NULL, original TEXT,
        corrected INTEGER, retracted INTEGER, retracted_by TEXT, reason TEXT
    ) STRICT""",
    "CREATE UNIQUE INDEX message_archive_id ON message (room, archive_id) WHERE archive_id IS NOT NULL",
    "CREATE INDEX message_at ON message (room, at)",
    "CREATE INDEX message_message_id ON message (room, message_id) WHERE message_id IS NOT NULL",
    "CREATE INDEX message_origin_id ON message (room, origin_id) WHERE origin_id IS NOT NULL",
    "CREATE INDEX message_orphan ON message (room, replaces) WHERE replaces IS NOT NULL AND corrects IS NULL",
    "CREATE INDEX message_corrects ON message (corrects) WHERE corrects IS NOT NULL",
    "CREATE INDEX message_original ON message (room) WHERE original IS NOT NULL",
    "CREATE VIEW shown AS SELECT number, body FROM message WHERE corrects IS NULL AND body <> ''",
    "CREATE VIRTUAL TABLE message_words USING fts5 (body, content='shown', content_rowid='number',"
    " tokenize='unicode61 remove_diacritics 2')",
    # New rows are put in by whoever writes them, many at once: a trigger on INSERT would make FTS5 flush its index
    # after every row (its xSavepoint method does), at four times the cost.
    """CREATE TRIGGER message_unshown AFTER UPDATE OF body, corrects ON message
        WHEN old.corrects IS NULL AND old.body <> '' BEGIN
        INSERT INTO message_words (message_words, rowid, body) VALUES ('delete', old.number, old.body);
        INSERT INTO message_words (rowid, body) SELECT new.number, new.body
            WHERE new.corrects IS NULL AND new.body <> ''; END""",
    """CREATE TABLE pending_retraction (
        number INTEGER PRIMARY KEY, room INTEGER NOT NULL REFERENCES room (id),
        target TEXT NOT NULL, at INTEGER NOT NULL, by_room INTEGER NOT NULL,
        nick TEXT, identity TEXT, reason TEXT
    ) STRICT""",
    "CREATE INDEX pending_retraction_target ON pending_retraction (room, target)",
    "CREATE TABLE cursor (room INTEGER PRIMARY KEY REFERENCES room (id), archive_id TEXT NOT NULL,"
    " at INTEGER NOT NULL) STRICT",
    "CREATE TABLE key_value (account TEXT NOT NULL, space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (account, space, key)) STRICT, WITHOUT ROWID",
)

_ONCE = (
    # Where something may be missing; "closed" is when it was read after all. Bounds are NULL where there are none.
    """CREATE TABLE gap (
        number INTEGER PRIMARY KEY, room INTEGER NOT NULL REFERENCES room (id),
        after_id TEXT, after INTEGER, before_id TEXT, before INTEGER,
        reason TEXT NOT NULL, found INTEGER NOT NULL, closed INTEGER
    ) STRICT""",
    "CREATE INDEX gap_room ON gap (room)",
    # What was begun and must not be begun again. Keys are digests, so nobody's words or address stay here.
    "CREATE TABLE claim (account TEXT NOT NULL, key BLOB NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY (account, key)) STRICT, WITHOUT ROWID",
    "CREATE INDEX claim_at ON claim (account, at)",
    # Until when a bot that did not end in order may have handled events. No row: it ended in order.
    "CREATE TABLE life (account TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)

_JOBS = (
    # Times are microseconds since 1970, UTC; "grace" is a length in microseconds. "rule", "arguments", "rooms": JSON.
    """CREATE TABLE job (
        account TEXT NOT NULL, name TEXT NOT NULL,
        rule TEXT NOT NULL, handler TEXT NOT NULL, arguments TEXT NOT NULL, rooms TEXT,
        missed TEXT NOT NULL, grace INTEGER NOT NULL, retries INTEGER NOT NULL, pause_after INTEGER NOT NULL,
        at_once INTEGER NOT NULL, owner TEXT, declared INTEGER NOT NULL,
        made INTEGER NOT NULL, checked INTEGER NOT NULL, failures INTEGER NOT NULL, paused INTEGER, reason TEXT,
        PRIMARY KEY (account, name)
    ) STRICT, WITHOUT ROWID""",
    # Its key is the promise: a time of a job has one fire, whoever is first to note it.
    """CREATE TABLE fire (
        account TEXT NOT NULL, job TEXT NOT NULL, due INTEGER NOT NULL,
        state TEXT NOT NULL, process TEXT NOT NULL, begun INTEGER NOT NULL, attempts INTEGER NOT NULL,
        ended INTEGER, retry_at INTEGER, error TEXT,
        PRIMARY KEY (account, job, due)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX fire_open ON fire (account, due) WHERE state IN ('running', 'retry')",
    "CREATE INDEX fire_ended ON fire (account, ended) WHERE ended IS NOT NULL",
    "CREATE TABLE process (id TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)

_NOTICES = (
    # One row for each message of a notice; the same key and part is never written twice. "attempted" is the first time
    # that it may have been sent.
    """CREATE TABLE notice (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        account TEXT NOT NULL, key TEXT NOT NULL, part INTEGER NOT NULL,
        recipient TEXT NOT NULL, groupchat INTEGER NOT NULL, text TEXT NOT NULL, message_id TEXT NOT NULL,
        created INTEGER NOT NULL, not_before INTEGER, expires INTEGER,
        state TEXT NOT NULL, attempted INTEGER, anchor TEXT, sent_as TEXT, tries INTEGER NOT NULL DEFAULT 0,
        settled INTEGER, archive_id TEXT, reason TEXT,
        UNIQUE (account, key, part)
    ) STRICT""",
    "CREATE INDEX notice_open ON notice (account, number) WHERE state IN ('waiting', 'sending')",
)

_TOPICS = (
    # "replaces" is the message that a row corrects, "stay" the stay in the room in which it was last sent.
    "ALTER TABLE notice ADD COLUMN topic TEXT",
    "ALTER TABLE notice ADD COLUMN stay TEXT",
    "ALTER TABLE notice ADD COLUMN replaces TEXT",
    "CREATE INDEX notice_topic ON notice (account, recipient, topic, number) WHERE topic IS NOT NULL",
)

_DIGESTS = (
    # "retracts" names what a row takes back instead of saying anything, "within" the digest that tells it. "digest" is
    # a length in microseconds.
    "ALTER TABLE notice ADD COLUMN urgency INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE notice ADD COLUMN retract_on_expiry INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE notice ADD COLUMN retracts TEXT",
    "ALTER TABLE notice ADD COLUMN digest INTEGER",
    "ALTER TABLE notice ADD COLUMN within TEXT",
    "CREATE INDEX notice_within ON notice (account, within) WHERE within IS NOT NULL",
    "CREATE INDEX notice_retracts ON notice (account, replaces) WHERE retracts IS NOT NULL",
    "DROP INDEX notice_open",
    "CREATE INDEX notice_open ON notice (account, number) WHERE state IN ('waiting', 'sending', 'collected')",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_MESSAGES, _ONCE, _JOBS, _NOTICES, _TOPICS, _DIGESTS)
"""Migration n (from 1) brings a database from version n - 1 to n, in one transaction."""

VERSION = len(MIGRATIONS)


def check(connection: sqlite3.Connection, path: str) -> int:
    """The version of the database, 0 if it is new. Raises ``StoreError`` if it is not ours, or newer than we."""
    # In one look: another account may be making the same database at this moment.
    version, application, used = connection.execute(
        "SELECT user_version, application_id, EXISTS (SELECT 1 FROM sqlite_master)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    ours = application == APPLICATION_ID
    if used and not ours:
        raise StoreError(f"{path} is the database of another program; name another file in [storage] path")
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer botkit (database version {version}, this one knows {VERSION}); "
            "install that version again, or go back to a copy made before"
        )
    return int(version)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the database up to date; every step whole or not at all. The connection must be in autocommit mode."""
    if check(connection, path) == VERSION:
        return
    for number in range(1, VERSION + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Looked at again under the lock: another process may have done this step meanwhile.
            if check(connection, path) < number:
                for statement in MIGRATIONS[number - 1]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
