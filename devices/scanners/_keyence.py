"""The texts of Keyence SR and BL readers, and of the N-410 that stands between several of them and a host.

A reader: `LON` -> `OK,LON` or `ER,LON,ee`. Through an N-410: `%Tmm-LON` -> `%Tmm-OK`, `ERRnn`, `NC` or `NG`; what
reader mm sends comes as `%Pmm-nnnn` and data, nnnn = how many characters.

Sources: Keyence SR-750 manual p. 71-72 (format, LON, LOFF), N-410 manual p. 94, 102, 104 (ids, sizes, ERR91 to 95);
the error codes of the SR-1000 as a public program lists them (brianteachman/mqtt_serial_scanner_nodes).
"""

from __future__ import annotations

import re

from devices.value import value

ERRORS = {
    "00": "no such command",
    "01": "wrong format of the command",
    "02": "parameter 1 is outside its range",
    "03": "parameter 2 is outside its range",
    "04": "parameter 2 is not in hex",
    "05": "parameter 2 is in hex and outside its range",
    "10": "wrong preset data",
    "11": "wrong data of the area",
    "12": "no such file",
    "13": "the number of the reader is outside its range",
    "14": "the communication with the reader cannot be checked",
    "20": "cannot be done now",
    "21": "buffer overflow",
    "22": "parameters could not be loaded or saved",
    "23": "the serial port is locked by AutoID Navigator",
    "91": "no such command of the N-410",
    "92": "a parameter that is not allowed",
    "93": "not in this mode",
    "94": "the settings of the N-410 may be damaged",
    "95": "not in multi-head mode",
    "99": "the reader may be defective",
    "NC": "no reader with this number is connected",
    "NG": "the reader is reading and takes no command",
    "OVER": "the buffer has overflowed, codes are lost",
}

_ANSWER = re.compile(rb"(OK|ER),(.{1,16}?)(?:,([0-9]{2}))?")
_BUS_ANSWER = re.compile(rb"OK|ERR([0-9]{2})|(NC|NG)")
_BUS = re.compile(rb"%([TP])([0-9]{2})-(.*)", re.DOTALL)
_SIZED = re.compile(rb"([0-9]{4})(.*)", re.DOTALL)


def words(code: str) -> str:
    """A refusal in words."""
    return ERRORS.get(code, "an error without a known meaning")


def command(text: str, framing: str, address: int) -> bytes:
    """One command; `framing` is `cr` or `stx`, `address` 0 = straight to the reader."""
    body = f"%T{address:02}-{text}".encode("ascii") if address else text.encode("ascii")
    return b"\x02" + body + b"\x03" if framing == "stx" else body + b"\r"


@value
class Answer:
    """`verb` = the command that it names, or `%Tmm`; `refusal` None = done."""

    verb: str
    refusal: str | None


def answer(body: bytes) -> Answer | None:
    """The answer of a reader, None = these bytes are none."""
    found = _ANSWER.fullmatch(body)
    if found is None or (found[1] == b"OK") != (found[3] is None):
        return None
    return Answer(found[2].decode("latin-1"), found[3].decode("ascii") if found[3] else None)


@value
class Addressed:
    """What came from reader `address`: an answer, or the data of a read; neither = damaged, `why` says how."""

    address: int
    answer: Answer | None = None
    data: bytes | None = None
    why: str = ""


SIZE = "not of the size that it states"
NO_ANSWER = "neither an answer nor a read of a reader"


def addressed(body: bytes, size_extra: int) -> Addressed | None:
    """What stands in a frame of an N-410, None = no frame of one. `size_extra` = what nnnn counts beside the data."""
    found = _BUS.fullmatch(body)
    if found is None:
        return None
    address, rest = int(found[2]), found[3]
    if found[1] == b"P":
        sized = _SIZED.fullmatch(rest)
        if sized is None or int(sized[1]) != len(sized[2]) + size_extra:
            return Addressed(address, why=SIZE)
        return Addressed(address, data=sized[2])
    said = _BUS_ANSWER.fullmatch(rest)
    if said is None:
        return Addressed(address, why=NO_ANSWER)
    refusal = (said[1] or said[2] or b"").decode("ascii")
    return Addressed(address, Answer(f"%T{address:02}", refusal or None))
