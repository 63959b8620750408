"""Rows of the durable floor state that are not what was written: they are taken out, with the safe consequence.

What follows where a row is gone:

- **channel**: the driver starts with nothing known (epoch 0, event 0), so the machine is told "durable" only about what
  it says again and what is committed then. A PLC says again what it was not told durable; what was recorded already may
  be recorded twice.
- **state**, by kind. `travel`: its item is one that nobody knows at the next synchronisation, so it goes to the
  exception lane or is read again. `customs`: a hold may be among what is gone, and a release of another authority must
  not speak for it; so the feed's position (kind `feed`) is taken out too, the records that are left count as not fresh,
  and nothing that needs a release gets one before the feed was heard from its beginning. `lane`, `line`, `container`,
  `drop`, `order`, ...: no row is safer than a wrong one, but a lock by hand, a local hold, a recall or the memory of a
  command may be gone. No rule can know; so the finding names each key and is critical.
- A row whose **kind** is none that is known may have been any of them, so the feed's position goes with it as well.
- **meta**: a journal that cannot prove its id gets a new one.
- **outbox**: which event it stood for is unknown, so every event after the last one that is known to be delivered is
  queued again: rather a duplicate than a loss.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from controller.journal_file import Damaged, fetch, noted, tell, whole
from controller.journal_rows import Finding, Row
from controller.journal_sums import fits, proof, proves

KEYS = {
    "meta": ("key",),
    "channel": ("name",),
    "state": ("kind", "key"),
    "outbox": ("seq",),
}
NAMED = 20
"""Keys that a finding names; of more it says how many."""

HARMLESS = {"travel", "alarm", "departure", "visit", "handed", "plan", "plan_text"}
"""Kinds of state whose loss holds up items but lets none out."""


def sift(db: sqlite3.Connection, path: Path, *, outbox: bool) -> None:
    """Take out what is not as it was written, note it as findings, all in one transaction. `outbox`: that, too.

    Raises Damaged where the tables are so wrong that a row cannot be taken out, or that the ends of the queue and of
    the events cannot be trusted.
    """
    bad = {table: _misfits(db, table) for table in ("meta", "channel", "state")}
    if outbox:
        bad["outbox"] = _misfits(db, "outbox")
    elif not all(proves("outbox", row) for row in _ends(db)):
        raise Damaged(f"{path}: the queue of undelivered events is damaged")
    last = fetch(db, "SELECT * FROM event ORDER BY seq DESC LIMIT 1")
    if last and not fits(Row(*last[0][:-1]), last[0][-1]):
        raise Damaged(f"{path}: the last event is damaged")
    if not any(bad.values()):
        return
    if (fault := whole(db)) is not None:
        raise Damaged(f"{path}: {fault}")
    db.execute("BEGIN IMMEDIATE")
    for table, rows in bad.items():
        where = " AND ".join(f"{key} IS ?" for key in KEYS[table])
        for row in rows:
            if db.execute(f"DELETE FROM {table} WHERE {where}", row[: len(KEYS[table])]).rowcount != 1:
                db.rollback()
                raise Damaged(f"{path}: a row of {table} is damaged and cannot be taken out")
    if any(row[0] not in HARMLESS for row in bad["state"]):
        distrust_feed(db)
    if bad.get("outbox"):
        requeue(db)
    tell(db, list(_findings(bad)))
    db.execute("COMMIT")


def distrust_feed(db: sqlite3.Connection) -> None:
    """Customs records may be missing: none that is left counts before the feed was heard from its beginning."""
    db.execute("DELETE FROM state WHERE kind = 'feed'")


def requeue(db: sqlite3.Connection, delivered: int = 0) -> int:
    """Queue every event again that is not known to be delivered; up to `delivered` all are. How many were added."""
    db.create_function("proof", -1, proof, deterministic=True)
    known = max(delivered, int(noted(db).get("delivered", 0)))
    ask = (
        "INSERT OR IGNORE INTO outbox SELECT seq, NULL, NULL, proof('outbox', seq, NULL, NULL) FROM event WHERE seq > ?"
    )
    return db.execute(ask, (known,)).rowcount


def state_lost(keys: Iterable[tuple[str, str]], channels: Iterable[str], unknown: bool = False) -> Iterable[Finding]:
    """What people must know about rows of state that are gone; `unknown`: there may be more of them."""
    keys, channels = list(keys), list(channels)
    if channels:
        what = f"how far {_listed(channels)} had been heard is damaged; events may be recorded twice"
        yield Finding("journal-channel", what, "medium")
    if keys or unknown:
        kinds = Counter(kind for kind, _ in keys)
        named = _listed([f"{kind} {key}" for kind, key in keys]) if keys else "which ones is not known"
        grave = unknown or not HARMLESS.issuperset(kinds)
        what = f"rows of the floor's state are damaged and not used: {named}"
        if grave:
            what += "; see to locks, holds by hand and recalls; customs releases count once the feed was heard again"
        yield Finding("journal-state", what, "critical" if grave else "high")


def _findings(bad: dict[str, list[tuple[object, ...]]]) -> Iterable[Finding]:
    keys = [(str(row[0]), str(row[1])) for row in bad["state"]]
    yield from state_lost(keys, [str(row[0]) for row in bad["channel"]])
    if bad["meta"]:
        what = f"what the journal says of itself is damaged: {_listed([str(row[0]) for row in bad['meta']])}"
        yield Finding("journal-meta", what, "medium")
    if bad.get("outbox"):
        what = f"{len(bad['outbox'])} rows of the queue are damaged: events are published again"
        yield Finding("journal-queue", what, "high")


def _misfits(db: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return [row for row in fetch(db, f"SELECT * FROM {table}") if not proves(table, row)]


def _ends(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    first = fetch(db, "SELECT * FROM outbox ORDER BY seq LIMIT 1")
    return first + fetch(db, "SELECT * FROM outbox ORDER BY seq DESC LIMIT 1")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(name[:80] for name in names[:NAMED]) + more
