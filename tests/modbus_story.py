"""Writes the dialogues of tests/wire/modbus.txt: what either side says in one session, with frames built by hand.

`python -m tests.modbus_story` prints the file. Nothing of the driver is used: the test replays it and compares.
"""

from __future__ import annotations

import struct

from tests.modbus_line import (
    ARRV,
    EPOCH,
    LINES,
    NUMBERS,
    STAT,
    SYBE,
    SYEN,
    TRAK,
    arrv,
    divc,
    mbap,
    passed,
    reading,
    record,
    rtu,
)

PLC4 = "PLC interface v1 §4"
READ = "Modbus Application Protocol V1.1b3 §6.3, PLC interface v1 §4"
WRITE = "Modbus Application Protocol V1.1b3 §6.12, PLC interface v1 §4"
EXCEPTION = "Modbus Application Protocol V1.1b3 §7"
SPECIFICATION = "Modbus Application Protocol V1.1b3 §6.3, its worked example"

HEAD, TAIL = 411, 30
"""Records and commands before this session."""

Line = tuple[str, bytes, str]
"""(direction and meaning, PDU, source)"""


def read(address: int, count: int, meaning: str) -> Line:
    return f"C {meaning}", struct.pack(">BHH", 3, address, count), READ


def say(registers: list[int], meaning: str) -> Line:
    return f"P {meaning}", reading(registers), READ


def write(address: int, values: list[int], meaning: str) -> list[Line]:
    count = len(values)
    asked = struct.pack(f">BHHB{count}H", 16, address, count, 2 * count, *values)
    return [(f"C {meaning}", asked, WRITE), ("P written", struct.pack(">BHH", 16, address, count), WRITE)]


def poll(head: int, tail: int, session: int = 1, clock: int = 5000, life: int = 9) -> list[Line]:
    block = [1, EPOCH, life, head, tail, clock, 2500, session, 0]
    return [read(0, 9, "poll"), say(block, f"block 0, events {head}, commands {tail}, session {session}")]


def own(head: int, taken: int, life: int, durable: int | None = None) -> list[int]:
    return [3, life, taken if durable is None else durable, head, EPOCH, 0, 7, taken]


EVENTS = [
    ("INDU", record(14, 417, 4990, r3=2, r8=380, r15=1)),
    ("PASS", passed(70_000, 4990)),
    ("RCIR", record(13, 417, 4990, r5=17, r6=10, r11=1, r12=1)),
    ("LOST", record(8, 420, 4990, r3=3, r9=419, r11=421)),
    ("GHST", record(9, 500, 4990, r3=2, r9=416, r11=418, r14=77)),
    ("HAND", record(17, 501, 4990, r3=2, r4=2, r5=0x1B, r9=33)),
    ("BUTN", record(18, 0, 4990, r3=17, r6=2)),
    ("CONT", record(19, 0, 4990, r4=17, r6=4711, r13=ord("P"))),
    ("OVFL", record(16, 0, 4990, r6=12)),
    ("ARRV of unknown age", [ARRV + 128, *arrv(418)[1:]]),
]
COMMANDS = [
    ("DEST", record(6, 417, r3=2, r4=17, r5=18, r11=1, r13=ord("D"))),
    ("DEST with flag N and four lanes",
     record(6, 418, r3=2, r4=17, r5=18, r14=19, r15=20, r11=9999, r13=ord("N") << 8 | ord("K"))),
    ("CMND", record(11, r3=17, r6=4)),
    ("TIME", record(12, r2=0x01A2, r3=0x0605, r4=0x9B84)),
]  # fmt: skip


def story(transport: str) -> list[Line]:
    """A session from the first poll on. On TCP our registers are written before anything is durable, and again."""
    base, begun = HEAD, HEAD + 6
    first = [
        ("SYBE", record(SYBE)),
        ("TRAK", record(TRAK, 415, 4900, r3=2, r4=17, r11=2, r13=ord("S"))),
        ("ARRV", arrv(417, 4990)),
        ("DIVC", divc(415, 4990)),
        ("STAT", record(STAT, 0, 4990, r3=18, r4=4)),
    ]
    lines = [
        *poll(HEAD, TAIL, 0),
        read(1024, 8, "read our registers"),
        say([2, 77, base, TAIL, EPOCH, 0, 6, base], "our registers as the controller before left them"),
        *write(1040 + 16 * 14, record(1), "SYES"),
        *write(1024, own(TAIL + 1, base, 78), "SYES is command 31"),
        *poll(begun, TAIL + 1),
        read(528 + 14, 1, "read its result"),
        say([1], "A"),
        *poll(begun, TAIL + 1),
        read(16 + 16 * 27, 80, "read records 412 to 416"),
        say([r for _, values in first for r in values], ", ".join(name for name, _ in first)),
        *poll(begun, TAIL + 1),
        read(16, 16, "read record 417"),
        say(record(SYEN), "SYEN"),
        *write(1024, own(TAIL + 1, begun - 1, 78), "taken and durable up to 416"),
        *poll(begun, TAIL + 1),
        *write(1024, own(TAIL + 1, begun, 78), "taken and durable up to 417"),
    ]
    number, place, commands = begun, 1, TAIL + 1
    for some in (EVENTS[:7], EVENTS[7:]):
        lines += [
            *poll(number + len(some), commands),
            read(16 + 16 * place, 16 * len(some), f"read {len(some)} records"),
            say([r for _, values in some for r in values], ", ".join(name for name, _ in some)),
            *poll(number + len(some), commands),
        ]
        if transport == "tcp":
            taken = number + len(some)
            lines += write(1024, own(commands, taken, 78, number), f"taken up to {taken}, durable up to {number}")
        number, place = number + len(some), place + len(some)
        lines += write(1024, own(commands, number, 78), f"taken and durable up to {number}")
    for (name, values), (result, word) in zip(COMMANDS, [(1, "A"), (19, "LATE"), (24, "MODE"), (1, "A")], strict=True):
        lines += [
            *write(1040 + 16 * (commands % 16), values, name),
            *write(1024, own(commands + 1, number, 78), f"it is command {commands + 1}"),
            *poll(number, commands + 1),
            read(528 + commands % 16, 1, "read its result"),
            say([result], word),
            *poll(number, commands + 1),
        ]
        commands += 1
    return lines


def text() -> str:
    """The file."""
    out = [
        "# Modbus frames of the PLC interface: hex | direction (C controller, P PLC) and what it says | source",
        "# A part is one session from the first poll on: the driver writes the C lines, the P lines answer it",
    ]
    tables = (
        f"numbers={','.join(f'{name}:{n}' for name, n in NUMBERS.items())} "
        f"lines={','.join(f'{name}:{n}' for name, n in LINES.items())}"
    )
    for transport in ("serial", "tcp"):
        out.append(f"# set: transport={transport} baud=115200 {tables}")
        transaction = 0
        for meaning, pdu, source in story(transport):
            transaction += meaning[0] == "C"
            out.append(line(transport, transaction, meaning, pdu, source))
        out.append("# Not part of the dialogue")
        for meaning, pdu, source in [
            ("P exception 2, illegal address", b"\x83\x02", EXCEPTION),
            ("P exception 6, busy", b"\x90\x06", EXCEPTION),
            ("C read registers 107 to 109", bytes.fromhex("03006b0003"), SPECIFICATION),
            ("P their values", bytes.fromhex("0306022b00000064"), SPECIFICATION),
        ]:
            out.append(line(transport, transaction + 1, meaning, pdu, source))
    return "\n".join(out) + "\n"


def line(transport: str, transaction: int, meaning: str, pdu: bytes, source: str) -> str:
    frame = rtu(1, pdu) if transport == "serial" else mbap(transaction, 1, pdu)
    framing = "Modbus over serial line V1.02 §2.5.1" if transport == "serial" else "Modbus on TCP/IP V1.0b §3.1.3"
    return f"{frame.hex()} | {meaning} | {source}; {framing}"


if __name__ == "__main__":
    print(text(), end="")
