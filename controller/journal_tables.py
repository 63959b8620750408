"""The journal's tables, and what makes them of those of an older journal. Text only.

Every table whose rows matter has a `crc` (journal_sums.py). It covers the table's name too, so a row that is found on a
page proves by itself which table it belongs to: salvage (journal_salvage.py) needs nothing of the file but such rows.
`evidence` has the SHA-256 of its message instead.
"""

from __future__ import annotations

SCHEMA = 3
APPLICATION = 0x6875_6266  # "hubf", SQLite's application_id

META = "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

EVENTS = """
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, visit TEXT, travel TEXT,
  parcel TEXT, time TEXT NOT NULL, topic TEXT NOT NULL, body BLOB NOT NULL, read_code TEXT,
  crc INTEGER NOT NULL) STRICT;
"""
EVENT_INDICES = """
CREATE INDEX event_visit ON event (visit) WHERE visit IS NOT NULL;
CREATE INDEX event_travel ON event (travel) WHERE travel IS NOT NULL;
CREATE INDEX event_read_code ON event (read_code) WHERE read_code IS NOT NULL;
CREATE INDEX event_parcel ON event (parcel) WHERE parcel IS NOT NULL;
"""

OUTBOX = "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, code INTEGER, boot INTEGER, crc INTEGER NOT NULL) STRICT;"

CHANNEL = """
CREATE TABLE channel (
  name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, evt INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
STATE = """
CREATE TABLE state (
  kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
"""
ADVICE = """
CREATE TABLE advice (
  parcel TEXT PRIMARY KEY, body BLOB NOT NULL, lived_ms INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
"""
"""`lived_ms`: how long the journal had been open, all runs together, when it came last (journal_retention.py)."""

ALIAS = """
CREATE TABLE alias (
  alias TEXT NOT NULL, parcel TEXT NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (alias, parcel)) STRICT, WITHOUT ROWID;
"""
"""A parcel's id is an alias of its own: one look-up finds it by either."""

ALIAS_INDEX = "CREATE INDEX alias_parcel ON alias (parcel);"

EVIDENCE = """
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY, utc_ms INTEGER NOT NULL, topic TEXT NOT NULL, sha256 TEXT NOT NULL, raw BLOB NOT NULL,
  first_seq INTEGER, last_seq INTEGER, refused TEXT NOT NULL) STRICT;
"""
"""Messages about customs with what was done; `refused` is a JSON list of texts. Kept longer than events are."""

SUBJECT = """
CREATE TABLE evidence_subject (
  subject TEXT NOT NULL, id INTEGER NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (subject, id)) STRICT, WITHOUT ROWID;
"""
SUBJECT_INDEX = "CREATE INDEX evidence_subject_id ON evidence_subject (id);"

FINDING = """
CREATE TABLE finding (
  id INTEGER PRIMARY KEY, alarm TEXT NOT NULL, what TEXT NOT NULL, priority TEXT NOT NULL, crc INTEGER NOT NULL) STRICT;
"""
"""What an opening found; kept until the first commit after it, which brings the alarms."""

MARK = """
CREATE TABLE mark (
  lived_ms INTEGER PRIMARY KEY, seq INTEGER NOT NULL, evidence INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
"""
"""The last event and the last evidence that were there when the journal had been open for so long; 0 = none."""

ROWS = META + EVENTS + OUTBOX + CHANNEL + STATE + ADVICE + ALIAS + EVIDENCE + SUBJECT + FINDING + MARK
INDICES = EVENT_INDICES + ALIAS_INDEX + SUBJECT_INDEX
STAMP = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA};"

TABLES = f"BEGIN EXCLUSIVE;{ROWS}{INDICES}{STAMP}COMMIT;"

SUBJECT_2 = """
CREATE TABLE evidence_subject (
  subject TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (subject, id)) STRICT, WITHOUT ROWID;
"""


def _anew(table: str, made: str, columns: str, proof: str) -> str:
    """The rows of a table in a new one of the same name that has a proof behind them."""
    return (
        f"ALTER TABLE {table} RENAME TO old_{table};{made}"
        f"INSERT INTO {table} SELECT {columns}, proof('{table}', {proof}) FROM old_{table};DROP TABLE old_{table};"
    )


MIGRATIONS = {
    1: EVIDENCE + SUBJECT_2,
    2: _anew("meta", META, "key, value", "key, value")
    + _anew("outbox", OUTBOX, "seq, code, boot", "seq, code, boot")
    + _anew("channel", CHANNEL, "name, epoch, evt", "name, epoch, evt")
    + _anew("state", STATE, "kind, key, body", "kind, key, body")
    + _anew("advice", ADVICE, "parcel, body, 0", "parcel, body, 0")
    + _anew("alias", ALIAS, "alias, parcel", "alias, parcel")
    + ALIAS_INDEX
    + _anew("evidence_subject", SUBJECT, "subject, id", "subject, id")
    + SUBJECT_INDEX
    + FINDING
    + MARK,
}
"""Schema version -> what makes the next one of it. Events keep the checksum that they were given. Nobody knows how
old rows are then, so they count as new."""
