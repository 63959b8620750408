"""The proof of each row of the journal: a CRC-32 over its table's name and all of its values. Pure.

A row that does not fit is never used. CRC-32 finds any damage of up to 32 bits in a row, and of other damage all but
one in four thousand million; it is no protection against a person.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from controller.journal_rows import Evidence, Row


def proof(table: str, *values: object) -> int:
    """The checksum of a row: its values in the order of its columns, without the checksum itself."""
    crc, text = 0, table
    for value in values:
        if isinstance(value, bytes):
            crc, text = zlib.crc32(value, zlib.crc32(f"{text}\0b".encode("utf-8", "backslashreplace"), crc)), ""
        else:
            text += f"\0{value!r}"
    return zlib.crc32(text.encode("utf-8", "backslashreplace"), crc)


def proves(table: str, row: tuple[Any, ...]) -> bool:
    """Whether this row of columns, the checksum last, is what was written."""
    return bool(proof(table, *row[:-1]) == row[-1])


def queued(seq: int, code: int | None = None, boot: int | None = None) -> tuple[int, int | None, int | None, int]:
    """An event that the broker has not accepted, as the columns of `outbox`."""
    return seq, code, boot, zlib.crc32(b"outbox\0%d\0%a\0%a" % (seq, code, boot))  # proof(), for each event


def stored(row: Row) -> tuple[Any, ...]:
    """A row as the columns of `event`."""
    return (
        *(row.seq, row.id, row.type, row.subject, row.visit, row.travel, row.parcel, row.time, row.topic, row.body),
        row.code,
        _crc(row),
    )


def checked(found: Iterable[tuple[Any, ...]], damaged: set[int]) -> Iterator[Row]:
    """Rows of the columns of `event`; those that do not fit are left out and their sequences added to `damaged`."""
    for *columns, crc in found:
        row = Row(*columns)
        if fits(row, crc):
            yield row
        else:
            damaged.add(row.seq)


def fits(row: Row, crc: object) -> bool:
    """Whether an event is what was written. Journals of schemas 1 and 2 proved only what is published of it."""
    try:
        return _crc(row) == crc or _crc_2(row) == crc
    except (TypeError, UnicodeEncodeError):  # a value is of another type, or no text
        return False


def attested(one: Evidence) -> tuple[Any, ...]:
    """Evidence as the columns of `evidence`; SQLite gives the id."""
    digest = hashlib.sha256(one.raw).hexdigest()
    return (None, one.utc_ms, one.topic, digest, one.raw, one.first_seq, one.last_seq, json.dumps(one.refused))


def attests(row: tuple[Any, ...]) -> bool:
    """Whether a row of `evidence` holds the message that came."""
    return isinstance(row[4], bytes) and hashlib.sha256(row[4]).hexdigest() == row[3]


def _crc(row: Row) -> int:
    text = (
        f"event\0{row.seq}\0{row.id}\0{row.type}\0{row.subject}\0{row.visit}\0{row.travel}\0{row.parcel}\0{row.time}\0"
        f"{row.topic}\0{row.code}"
    )
    return zlib.crc32(row.body, zlib.crc32(text.encode()))


def _crc_2(row: Row) -> int:
    return zlib.crc32(row.body, zlib.crc32(f"{row.seq} {row.id} {row.topic}".encode()))
