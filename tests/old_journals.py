"""The tables of journals as earlier hubfloors have made them. They stand here once, and never change."""

TABLES_1 = """
BEGIN EXCLUSIVE;
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, visit TEXT, travel TEXT,
  parcel TEXT, time TEXT NOT NULL, topic TEXT NOT NULL, body BLOB NOT NULL, read_code TEXT,
  crc INTEGER NOT NULL) STRICT;
CREATE INDEX event_visit ON event (visit) WHERE visit IS NOT NULL;
CREATE INDEX event_travel ON event (travel) WHERE travel IS NOT NULL;
CREATE INDEX event_read_code ON event (read_code) WHERE read_code IS NOT NULL;
CREATE INDEX event_parcel ON event (parcel) WHERE parcel IS NOT NULL;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, code INTEGER, boot INTEGER) STRICT;
CREATE TABLE channel (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, evt INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE state (
  kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
CREATE TABLE advice (parcel TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
-- A parcel's id is an alias of its own: one look-up finds it by either.
CREATE TABLE alias (alias TEXT NOT NULL, parcel TEXT NOT NULL, PRIMARY KEY (alias, parcel)) STRICT, WITHOUT ROWID;
CREATE INDEX alias_parcel ON alias (parcel);
PRAGMA application_id = 1752523366;
PRAGMA user_version = 1;
COMMIT;
"""
"""The tables of the first schema, as they were."""

TABLES_2 = """
BEGIN EXCLUSIVE;
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY, utc_ms INTEGER NOT NULL, topic TEXT NOT NULL, sha256 TEXT NOT NULL, raw BLOB NOT NULL,
  first_seq INTEGER, last_seq INTEGER, refused TEXT NOT NULL) STRICT;
CREATE TABLE evidence_subject (
  subject TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (subject, id)) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
"""
"""What the second schema had beside the first, as it was."""
