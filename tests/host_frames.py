"""Reads tests/wire/<kind>_host.txt, a talk: what a host sends to a scanner and what the scanner says to it.

    hex | C command or meaning: what it is | source
    hex | S what it is                     | source

`C` lines are of the host, `S` lines are all that the scanner says after what stands above them. Between them stand

    # set: key=value …      a new scanner, with these settings and its clock at 0
    # gate: CODE …          it is shown an item with these codes; none = it sees nothing on it
    # wait: N               N ms pass

Any other line that begins with `#` is a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.transcripts import WIRE

STEPS = ("set", "gate", "wait")
KINDS = sorted(path.name.removesuffix("_host.txt") for path in WIRE.glob("*_host.txt"))


@dataclass(frozen=True)
class Step:
    """`what` is C, S, set, gate or wait; `words` what stands behind it, `raw` the bytes of a C or an S."""

    what: str
    words: str
    raw: bytes
    source: str
    place: str


def read(kind: str) -> list[Step]:
    """The steps of a talk. A line of another form raises ValueError with its place."""
    path = WIRE / f"{kind}_host.txt"
    found = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        place = f"{path.name}:{number}"
        step = re.fullmatch(r"# (\w+):(.*)", line)
        if step and step[1] in STEPS:
            found.append(Step(step[1], step[2].strip(), b"", "", place))
        elif line.strip() and not line.startswith("#"):
            found.append(_frame(line, place))
    return found


def _frame(line: str, place: str) -> Step:
    fields = [field.strip() for field in line.split(" | ")]
    directed = re.fullmatch(r"([CS]) (.+)", fields[1]) if len(fields) == 3 else None
    if not directed or not all(fields):
        raise ValueError(f"{place}: want hex | C or S and what it is | source")
    try:
        return Step(directed[1], directed[2], bytes.fromhex(fields[0]), fields[2], place)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
