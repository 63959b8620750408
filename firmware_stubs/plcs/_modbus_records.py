"""Records of 16 registers: what stands where in the two rings, and the numbers that names and words have there.

Source: PLC interface v1 §4. CODE, MEAS and LAMP do not exist on Modbus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firmware_stubs.plcs._elements import LINE
from firmware_stubs.plcs._events import Value
from firmware_stubs.plcs._item import Destination

RECORD = 16
AGE_UNKNOWN = 128  # added to the type of a record that may be older than OLD_MS
OLD_MS = 60_000.0
WORD_MOST = 0xFFFF
TYPES = {
    name: number
    for number, name in enumerate(
        "SYES SYBE SYEN TRAK ARRV DEST DIVC LOST GHST STAT CMND TIME RCIR INDU PASS OVFL HAND BUTN CONT".split(), 1
    )
}
_RESULTS = "OK FU LK NC RL IN MI SZ DB JA LA NA MR".split()
_STATES = "RUN STOP JAM FULL HALF FREE LOCK NCON FALT ESTP MANU MAIN SLOW".split()
COMMANDS = dict(enumerate("STOP INHB ENAB BLCK OPEN EMPT ACKN".split(), 1))
_BUTTONS = "CLOS LOCK FREE".split()
_REFUSALS = "NSYN UNKT LATE OLDD LUNK PUNK BUSY MODE OLDC FORM".split()
_COMMANDS_REFUSED = 16
_WORDS = {"result": _RESULTS, "state": _STATES, "button": _BUTTONS}

# Where a field stands: registers of one word, of two words with the high one first, and the low byte of 13.
_NAMES = {"point": 3, "element": 3, "last_point": 3, "actual": 4, "lane": 4, "wanted": 5}
_CODED = {"state": 4, "result": 6, "button": 6}
_SINGLE = {"lost_count": 6, "from_epoch": 5, "length": 8, "gap": 9, "left": 10, "decision": 11, "lap": 12}
_SINGLE |= {"carrier": 14, "carriers": 15}
_DOUBLE = {"track": 1, "before": 8, "behind": 10, "from_track": 8}
_LETTERS = ("certainty", "evidence", "presence")
_CLOCK, _CODE, _FROM_LINE, _LETTER = 7, 6, 4, 13
_LANES = (4, 5, 14, 15)


class Numbers:
    """The numbers that points, lanes, elements and other lines have on the wire; 0 = none, LINE = 1."""

    def __init__(self, names: Mapping[str, int], lines: Mapping[str, int]) -> None:
        self._numbers = {**names, LINE: 1}
        self._names = {number: name for name, number in self._numbers.items()}
        self._lines = dict(lines)

    def of(self, name: str) -> int:
        """The number of a point, lane or element; 0 = of no name."""
        return self._numbers[name] if name else 0

    def of_line(self, name: str) -> int:
        """The number of another line."""
        return self._lines[name]

    def has(self, name: str) -> bool:
        """Whether a point, lane or element has a number."""
        return name in self._numbers

    def has_line(self, name: str) -> bool:
        """Whether another line has a number."""
        return name in self._lines

    def name(self, number: int) -> str:
        """Whose number it is; one that is nobody's gives a name that nothing has."""
        return self._names.get(number, f"#{number}") if number else ""


def clock(at: float) -> int:
    """A time as the PLC's clock, register 5, shows it: ms mod 65536."""
    return int(at) & WORD_MOST


def record(kind: str, at: float, now: float, values: Mapping[str, Value], numbers: Numbers) -> list[int]:
    """The record of a message whose edge was at `at`, written now."""
    words = [0] * RECORD
    words[0] = TYPES[kind] + (AGE_UNKNOWN if is_old(at, now) else 0)
    words[_CLOCK] = clock(at)
    for key, value in values.items():
        if isinstance(value, tuple):
            if key == "code":  # of CONT: its bytes
                words[_CODE] = _number(b"".join(value))
        elif isinstance(value, int):
            if key in _DOUBLE:
                place = _DOUBLE[key]
                words[place : place + 2] = value >> 16, value & WORD_MOST
            else:
                words[_SINGLE[key]] = min(max(value, 0), WORD_MOST)
        elif key in _NAMES:
            words[_NAMES[key]] = numbers.of(value)
        elif key in _CODED:
            words[_CODED[key]] = _WORDS[key].index(value) + 1
        elif key in _LETTERS:
            words[_LETTER] = ord(value or "\0")
        elif key == "from_line":
            words[_FROM_LINE] = numbers.of_line(value)
        else:  # code of STAT
            words[_CODE] = _number(value.encode())
    return words


def is_old(at: float, now: float) -> bool:
    """Whether the clock, which wraps, cannot tell the age any more."""
    return now - at >= OLD_MS


def _number(text: bytes) -> int:
    """A text of digits as a number that gives the same text again; 0 = none, or not to be said in one register."""
    number = int(text) if text.isdigit() and len(text) <= 5 else 0
    return number if number <= WORD_MOST and str(number).encode() == text else 0


def result(refusal: str | None) -> int:
    """What stands at the place of a command that was taken: 1 = A, 16 + the number of the refusal."""
    return 1 if refusal is None else _COMMANDS_REFUSED + _REFUSALS.index(refusal) + 1


def destination(words: Sequence[int], numbers: Numbers) -> Destination | None:
    """The DEST in a record; None = a field is bad. Its reason does not travel."""
    flags, if_none = divmod(words[_LETTER], 256)
    lanes = [words[place] for place in _LANES]
    count = lanes.index(0) if 0 in lanes else len(lanes)
    if chr(flags) not in "\0-N" or chr(if_none) not in "DLK" or not 1 <= words[11] <= 9999:
        return None
    if count == 0 or any(lanes[count:]):
        return None
    return Destination(
        point=numbers.name(words[3]),
        track=words[1] << 16 | words[2],
        decision=words[11],
        reason="",
        no_default=flags == ord("N"),
        if_none=chr(if_none),
        lanes=tuple(numbers.name(lane) for lane in lanes[:count]),
    )
