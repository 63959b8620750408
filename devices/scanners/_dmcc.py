"""DataMan Control Commands, DMCC: commands as they are written, answers as they come.

A command is `||0:ID>text CR LF`; an answer of extended mode `||checksum:ID[status]data CR LF`, where checksum, ID and
their colons may be missing. With checksum 1 the last byte before CR LF is an exclusive or; it may be CR or LF itself,
so only CR LF together ends an answer. Status 1 is no answer: the reader sends what it read.

Sources: Cognex DataMan Communications and Programming manual (command syntax, reader response, status numbers). Which
bytes the checksum covers is not stated there.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

from devices.value import value

MARK = b"||"
FOOTER = b"\r\n"
READ = 1
STATUS = {
    100: "an unidentified error",
    101: "no such command",
    102: "a parameter that is not allowed",
    103: "wrong checksum of the command",
    104: "the parameter was refused or altered in the state that the reader is in",
    105: "the reader is unavailable",
}
CHECKSUM = "wrong XOR"
TORN = "a DMCC header inside a line"

_ANSWER = re.compile(rb"\|\|([01]?)((?::[0-9]{0,9}){0,3})\[([0-9]{1,3})\]", re.ASCII)


@value
class Answer:
    """`id` = the number of the command, empty where the answer has none."""

    id: str
    status: int
    data: bytes


def command(number: int, text: str) -> bytes:
    """One command that asks for no checksum."""
    return f"||0:{number}>{text}".encode("ascii") + FOOTER


def answer(line: bytes, checksum_of: str) -> Answer | str | None:
    """What a line without its CR LF says: an answer, why it is a damaged one, None = it is no answer.

    `checksum_of` = what the exclusive or covers: `frame`, all from the first byte on, or `data`.
    """
    found = _ANSWER.match(line)
    if found is None:
        return TORN if MARK in line[1:] else None
    data = line[found.end() :]
    if found[1] == b"1":
        covered, check = (line if checksum_of == "frame" else data)[:-1], data[-1:]
        if check != bytes([reduce(xor, covered, 0)]):
            return CHECKSUM
        data = data[:-1]
    if MARK in data:
        return TORN
    return Answer(found[2].replace(b":", b" ").decode("ascii").strip().split(" ")[-1], int(found[3]), data)
