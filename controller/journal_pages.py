"""The rows on a page of a SQLite file, without SQLite: for salvage, where trees and heads cannot be trusted. Pure.

Source: "Database File Format", https://www.sqlite.org/fileformat2.html, §1.3 (head), §1.6 (b-tree pages), §2.1 (record
format). A row is given as it lies there; only its checksum says whether it is what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct, unpack_from
from typing import Any

MAGIC = b"SQLite format 3\0"
HEAD = 100
INDEX_INNER, TABLE_INNER, INDEX_LEAF, TABLE_LEAF = 2, 5, 10, 13
ROW_PAGES = (INDEX_INNER, INDEX_LEAF, TABLE_LEAF)
LARGEST = 64 * 1024 * 1024
"""Bytes of a row; longer ones are damage."""

FEWEST = 3
"""Columns of the smallest table. Entries of indices have two."""

PageOf = Callable[[int], bytes]
_WIDTH = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_FLOAT = Struct(">d")


class Unreadable(ValueError):
    """This is no page of rows, or no row."""


def size_of(head: bytes) -> int | None:
    """The page size that the head of a file states, or None where that is no head of a file as the journal makes it."""
    size = unpack_from(">H", head, 16)[0] if len(head) >= HEAD else 0
    size = 65536 if size == 1 else size
    whole = (
        head[:16] == MAGIC
        and size >= 512
        and not size & (size - 1)
        and head[18:24] in (b"\1\1\0@  ", b"\2\2\0@  ")  # versions, nothing reserved, fractions of a page
        and head[44:48] in (b"\0\0\0\0", b"\0\0\0\4")  # format of the schema
        and head[56:60] in (b"\0\0\0\0", b"\0\0\0\1")  # UTF-8
        and not any(head[72:92])
    )
    return size if whole else None


def rows(page: bytes, number: int, page_of: PageOf) -> Iterator[tuple[int | None, tuple[Any, ...]] | None]:
    """(rowid or None, values) of each row on a page, None for one that cannot be read; nothing of other pages.

    `page_of` gives the pages on which long rows go on. Raises Unreadable where this is no page of a tree.
    """
    at = HEAD if number == 1 else 0
    kind = page[at]
    if kind == TABLE_INNER:
        return
    if kind not in ROW_PAGES:
        raise Unreadable(f"page {number} begins with {kind}")
    count = unpack_from(">H", page, at + 3)[0]
    first = at + (12 if kind == INDEX_INNER else 8)
    if first + 2 * count > len(page):
        raise Unreadable(f"page {number} cannot hold {count} rows")
    cells = unpack_from(f">{count}H", page, first)
    if count and all(_is_of_index(page, cells[which], kind) for which in {0, count // 2, count - 1}):
        return
    for cell in cells:
        try:
            yield _row(page, cell, kind, page_of)
        except (ValueError, IndexError, OverflowError):
            yield None


def _is_of_index(page: bytes, at: int, kind: int) -> bool:
    """Whether a row has too few columns for any table."""
    try:
        at += 4 if kind == INDEX_INNER else 0
        _, at = _varint(page, at)
        if kind == TABLE_LEAF:
            _, at = _varint(page, at)
        return page[at] in (2, 3)  # length of a head with one or two columns
    except IndexError:
        return False


def _row(page: bytes, at: int, kind: int, page_of: PageOf) -> tuple[int | None, tuple[Any, ...]]:
    rowid: int | None = None
    if kind == INDEX_INNER:
        at += 4
    length, at = _varint(page, at)
    if kind == TABLE_LEAF:
        rowid, at = _varint(page, at)
    if length > LARGEST:
        raise Unreadable("too long")
    usable = len(page)
    most = usable - 35 if kind == TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    if length <= most:
        if at + length > usable:
            raise Unreadable("runs over its page")
        return rowid, _values(page[at : at + length])
    least = (usable - 12) * 32 // 255 - 23
    here = least + (length - least) % (usable - 4)
    here = here if here <= most else least
    payload, (follows,) = bytearray(page[at : at + here]), unpack_from(">I", page, at + here)
    while len(payload) < length:
        more = page_of(follows)
        (follows,) = unpack_from(">I", more, 0)
        payload += more[4 : 4 + length - len(payload)]
    return rowid, _values(bytes(payload))


def _values(record: bytes) -> tuple[Any, ...]:
    end, at = _varint(record, 0)
    found: list[Any] = []
    body = end
    while at < end:
        kind, at = _varint(record, at)
        width = _WIDTH[kind] if kind < 10 else (kind - 12) // 2
        raw = record[body : body + width]
        if kind in (10, 11) or len(raw) != width:
            raise Unreadable("no record")
        body += width
        if kind >= 12:
            found.append(raw.decode() if kind & 1 else raw)
        elif kind == 0:
            found.append(None)
        elif kind == 7:
            found.append(_FLOAT.unpack(raw)[0])
        else:
            found.append(kind - 8 if kind >= 8 else int.from_bytes(raw, "big", signed=True))
    if len(found) < FEWEST:
        raise Unreadable("no row of a table")
    return tuple(found)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of SQLite (§1.6, "varint") and where it ends."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = 0
    for width in range(8):
        byte = data[at + width]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + width + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9
