"""Records of 16 registers in the rings, to and from fields by name (PLC interface v1 §4).

Registers hold numbers: points, lanes and elements by the table `numbers`, lines by the table `lines`, letters as ASCII.
The names of the fields are those of `_messages`; `age` and `evt` are added by who knows the clock and the ring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from devices.types import Code

SIZE = 16
UNKNOWN_AGE = 128
LINE = 1
MOST_TRACK = 999_999

TYPES = (
    "SYES SYBE SYEN TRAK ARRV DEST DIVC LOST GHST STAT CMND TIME RCIR INDU PASS OVFL HAND BUTN CONT".split()
)  # 1, 2, …
RESULTS = "OK FU LK NC RL IN MI SZ DB JA LA NA MR".split()
STATES = "RUN STOP JAM FULL HALF FREE LOCK NCON FALT ESTP MANU MAIN SLOW".split()
COMMANDS = "STOP INHB ENAB BLCK OPEN EMPT ACKN".split()
REFUSALS = "NSYN UNKT LATE OLDD LUNK PUNK BUSY MODE OLDC FORM".split()
BUTTONS = "CLOS LOCK FREE".split()

Record = tuple[int, ...]
Fields = dict[str, Any]


class Unreadable(ValueError):
    """A record that cannot be read; the text says what the PLC, or who configures, should do."""


class Names:
    """The tables of the configuration, both ways. `strict` False gives unknown numbers as `#17`, for listeners."""

    def __init__(self, numbers: Mapping[str, int], lines: Mapping[str, int], strict: bool = True) -> None:
        self._number_of = {"LINE": LINE, **numbers}
        self._name_of = {number: name for name, number in self._number_of.items()}
        self._line_of = {number: name for name, number in lines.items()}
        self._strict = strict

    def knows(self, name: str) -> bool:
        """The name has a number."""
        return name in self._number_of

    def number(self, name: str) -> int:
        """The number of a point, lane or element. Raises ValueError if it has none."""
        if name not in self._number_of:
            raise ValueError(f"{name!r} has no number: add it to `numbers` of this PLC")
        return self._number_of[name]

    def name(self, number: int, what: str) -> str:
        """The point, lane or element of that number."""
        return self._look_up(self._name_of, number, what, "numbers")

    def line(self, number: int) -> str:
        """The line of that number."""
        return self._look_up(self._line_of, number, "line", "lines")

    def _look_up(self, table: Mapping[int, str], number: int, what: str, key: str) -> str:
        if number in table:
            return table[number]
        if not self._strict and number:
            return f"#{number}"
        if not number:
            raise Unreadable(f"{what} is 0: the PLC must write its number")
        raise Unreadable(f"{what} {number} stands in no table: add it to `{key}` of this PLC, or correct the PLC")


def read(record: Record, names: Names) -> tuple[str, Fields, bool]:
    """(type, fields, whether the age is known) of a record of the event ring. Raises Unreadable."""
    number = record[0]
    known_age = not number & UNKNOWN_AGE
    number &= ~UNKNOWN_AGE
    kind = TYPES[number - 1] if 1 <= number <= len(TYPES) else ""
    if kind not in READERS:
        what = f"{kind} is no message of a PLC" if kind else f"unknown type {record[0]}"
        raise Unreadable(f"{what}: the PLC must write one of the types of the PLC interface, version 1")
    try:
        return kind, READERS[kind](record, names), known_age
    except Unreadable as error:
        raise Unreadable(f"{kind}: {error}") from None


def _long(record: Record, at: int) -> int:
    return record[at] << 16 | record[at + 1]


def _neighbour(record: Record, at: int) -> int:
    track = _long(record, at)
    if track > MOST_TRACK:
        raise Unreadable(f"track {track} in registers {at} and {at + 1}: the PLC must write 0 to {MOST_TRACK}")
    return track


def _track(record: Record, at: int = 1) -> int:
    if track := _neighbour(record, at):
        return track
    raise Unreadable(f"track 0 in registers {at} and {at + 1}: the PLC must write 1 to {MOST_TRACK}")


def _chosen(record: Record, at: int, what: str, words: list[str]) -> str:
    if 1 <= record[at] <= len(words):
        return words[record[at] - 1]
    raise Unreadable(f"{what} {record[at]} in register {at}: the PLC must write 1 to {len(words)}")


def _letter(record: Record, what: str, letters: str) -> str:
    letter = chr(record[13] & 0xFF)
    if letter in letters:
        return letter
    raise Unreadable(
        f"{what} {record[13] & 0xFF} in the low byte of register 13: the PLC must write one of "
        + ", ".join(f"{one} ({ord(one)})" for one in letters)
    )


def _decision(record: Record) -> int:
    if record[11] <= 9999:
        return record[11]
    raise Unreadable(f"decision {record[11]} in register 11: the PLC must write 0 to 9999")


def _point(record: Record, names: Names) -> Fields:
    return {"point": names.name(record[3], "point"), "track": _track(record)}


def _maybe(record: Record, at: int, what: str, names: Names) -> str | None:
    return names.name(record[at], what) if record[at] else None


def _carrier(record: Record) -> str | None:
    return str(record[14]) if record[14] else None


def _trak(record: Record, names: Names) -> Fields:
    return {
        **_point(record, names),
        "lane": _maybe(record, 4, "lane", names),
        "decision": _decision(record),
        "certainty": _letter(record, "certainty", "SDU"),
        "lap": record[12],
    }


def _arrv(record: Record, names: Names) -> Fields:
    return {
        **_point(record, names),
        "left": record[10],
        "length": record[8],
        "gap": record[9],
        "carrier": _carrier(record),
        "lap": record[12],
        "certainty": _letter(record, "certainty", "SDU"),
        "codes": (),
    }


def _rcir(record: Record, names: Names) -> Fields:
    return {
        "track": _track(record),
        "decision": _decision(record),
        "wanted": _maybe(record, 5, "wanted lane", names),
        "result": _chosen(record, 6, "result", RESULTS),
        "lap": record[12],
    }


def _divc(record: Record, names: Names) -> Fields:
    return {
        **_rcir(record, names),
        "actual": _maybe(record, 4, "actual lane", names),
        "evidence": _letter(record, "evidence", "CGEX"),
    }


def _lost(record: Record, names: Names) -> Fields:
    return {
        "track": _track(record),
        "last_point": _maybe(record, 3, "last point", names),
        "before": _neighbour(record, 8),
        "behind": _neighbour(record, 10),
    }


def _ghst(record: Record, names: Names) -> Fields:
    return {
        **_point(record, names),
        "before": _neighbour(record, 8),
        "behind": _neighbour(record, 10),
        "carrier": _carrier(record),
    }


def _stat(record: Record, names: Names) -> Fields:
    return {
        "element": names.name(record[3], "element"),
        "state": _chosen(record, 4, "state", STATES),
        "code": str(record[6]) if record[6] else "",
    }


def _indu(record: Record, names: Names) -> Fields:
    return {**_point(record, names), "carrier": _carrier(record), "carriers": record[15], "length": record[8]}


def _hand(record: Record, names: Names) -> Fields:
    if not record[5]:
        raise Unreadable("from epoch 0 in register 5: the PLC must write 1 to 65535")
    return {
        "from_line": names.line(record[4]),
        "from_epoch": record[5],
        "from_track": _track(record, 8),
        **_point(record, names),
    }


def _butn(record: Record, names: Names) -> Fields:
    return {"element": names.name(record[3], "element"), "button": _chosen(record, 6, "button", BUTTONS)}


def _cont(record: Record, names: Names) -> Fields:
    return {
        "lane": names.name(record[4], "lane"),
        "presence": _letter(record, "presence", "PG"),
        "code": Code(str(record[6]).encode()) if record[6] else None,
    }


READERS: dict[str, Callable[[Record, Names], Fields]] = {
    "SYBE": lambda record, names: {},
    "SYEN": lambda record, names: {},
    "TRAK": _trak,
    "ARRV": _arrv,
    "DIVC": _divc,
    "LOST": _lost,
    "GHST": _ghst,
    "STAT": _stat,
    "RCIR": _rcir,
    "INDU": _indu,
    "PASS": _point,
    "OVFL": lambda record, names: {"lost": record[6]},
    "HAND": _hand,
    "BUTN": _butn,
    "CONT": _cont,
}


def write(kind: str, fields: Mapping[str, Any], names: Names) -> Record:
    """The record of a command. Raises ValueError for what has no number or does not fit, TypeError for LAMP."""
    if kind not in TYPES:
        raise TypeError(f"a PLC on Modbus takes no {kind}")
    record = [0] * SIZE
    record[0] = TYPES.index(kind) + 1
    if kind == "DEST":
        lanes = [names.number(lane) for lane in fields["lanes"]]
        if not 1 <= len(lanes) <= 4:
            raise ValueError(f"{len(lanes)} lanes: a DEST names 1 to 4")
        record[1], record[2] = divmod(_within("track", fields["track"], 1, MOST_TRACK), 65536)
        record[3] = names.number(fields["point"])
        for at, lane in zip((4, 5, 14, 15), lanes, strict=False):
            record[at] = lane
        record[11] = _within("decision", fields["decision"], 1, 9999)
        if fields["if_none"] not in ("D", "L", "K"):
            raise ValueError(f"if_none = {fields['if_none']!r}: write D, L or K")
        record[13] = ord(fields["if_none"]) | (ord("N") << 8 if fields["flags"] == "N" else 0)
    elif kind == "CMND":
        record[3] = names.number(fields["element"])
        if fields["command"] not in COMMANDS:
            raise ValueError(f"command = {fields['command']!r}: write one of {' '.join(COMMANDS)}")
        record[6] = COMMANDS.index(fields["command"]) + 1
    elif kind == "TIME":
        utc_ms = _within("utc_ms", fields["utc_ms"], 0, 2**63)
        record[1:5] = [utc_ms >> shift & 0xFFFF for shift in (48, 32, 16, 0)]
    return tuple(record)


def _within(what: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{what} = {value}: write {least} to {most}")
    return value


def describe(record: Record, names: Names) -> tuple[str, str]:
    """(type, readable fields) of a record of the command ring, for who listens. Raises Unreadable."""
    kind = TYPES[record[0] - 1] if 1 <= record[0] <= len(TYPES) else ""
    match kind:
        case "SYES":
            return kind, ""
        case "TIME":
            return kind, f"utc_ms={_long(record, 1) << 32 | _long(record, 3)}"
        case "CMND":
            element = names.name(record[3], "element")
            return kind, f"element={element} command={_chosen(record, 6, 'command', COMMANDS)}"
        case "DEST":
            lanes = ",".join(names.name(record[at], "lane") for at in (4, 5, 14, 15) if record[at])
            flags = "N" if record[13] >> 8 == ord("N") else "-"
            point = _point(record, names)
            return kind, (
                f"point={point['point']} track={point['track']} decision={_decision(record)} flags={flags} "
                f"if_none={_letter(record, 'if_none', 'DLK')} lanes={lanes}"
            )
        case _:
            raise Unreadable(f"type {record[0]} is no command")
