"""The write-ahead log of a journal, read without SQLite: whether it is whole, and which pages it holds. Pure.

SQLite reads a log up to the first frame that does not fit and takes the rest for the remains of a power cut. That is
right where the last transaction was cut off, for it was never durable. Where a transaction follows that was committed
after the broken one, the broken one had been synced, so it was damaged later: then this says so, and salvage uses what
lies behind it.

Source: "WAL-mode File Format", https://www.sqlite.org/walformat.html: head of 32 bytes, frames of 24 bytes and a page;
checksums are cumulative, each begins with the one that the frame before states.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from

HEAD, FRAME = 32, 24
MAGICS = (0x377F0682, 0x377F0683)
"""The last bit: words of checksums are big-endian."""


@dataclass(frozen=True, slots=True)
class Log:
    """`pages`: number of page -> where its newest committed content begins in the log. `fault`: why the log is not
    what was written, None = it is."""

    pages: dict[int, int]
    fault: str | None


def read(log: bytes, page_size: int) -> Log:
    """What a log holds; frames that do not fit are left out."""
    if len(log) < HEAD:
        return Log({}, "it is cut off in its head" if log else None)
    magic, _, size, _, *salts = unpack_from(">6I", log)
    head_fits = magic in MAGICS and size == page_size and _sum(log[:24], magic, (0, 0)) == unpack_from(">2I", log, 24)
    if not head_fits and len(log) < HEAD + FRAME:
        return Log({}, None)  # a power cut at its beginning: nothing had been committed to it
    if not head_fits:
        magic = MAGICS[sys.byteorder == "big"]
    frames = list(_frames(log, page_size, magic, salts if head_fits else list(unpack_from(">2I", log, HEAD + 8))))
    if not head_fits and not any(fits for *_, fits in frames[1:]):
        return Log({}, "its head is damaged" if frames else None)
    pages: dict[int, int] = {}
    waiting: dict[int, int] = {}
    broken, fault = not head_fits, None if head_fits else "its head is damaged"
    committed_after = False
    for number, commits, at, fits in frames:
        if fits and committed_after and fault is None:
            fault = "a transaction in its middle is damaged"
        broken = broken or not fits
        if fits:
            waiting[number] = at
        if commits and fits:
            pages |= waiting
            waiting = {}
            committed_after = broken
    return Log(pages, fault)


def _frames(log: bytes, page_size: int, magic: int, salts: list[int]) -> Iterator[tuple[int, bool, int, bool]]:
    """(page, commits, where its content begins, fits) of each frame of this run of the log."""
    before = unpack_from(">2I", log, 24)
    for at in range(HEAD, len(log) - FRAME - page_size + 1, FRAME + page_size):
        number, pages, *rest = unpack_from(">6I", log, at)
        head = log[at : at + 8]
        content = at + FRAME
        fits = rest[:2] == salts and number > 0
        if fits:
            fits = _sum(head + log[content : content + page_size], magic, before) == tuple(rest[2:])
        yield number, pages != 0, content, fits
        before = (rest[2], rest[3])


def _sum(data: bytes, magic: int, begin: tuple[int, ...]) -> tuple[int, int]:
    words = array("I", data)
    if (sys.byteorder == "big") != bool(magic & 1):
        words.byteswap()
    first, second = begin
    numbers = iter(words)
    for one, two in zip(numbers, numbers, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second
