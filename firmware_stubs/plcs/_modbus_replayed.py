"""A Modbus PLC of a recording, played again: it does not speak, it is read. Source: PLC interface v1 §4.

What it answered then says what stood in its registers, and when. So it is asked now as it was then, by other polls: it
shows the block that was read last, with a clock that went on, the events up to the head of then, and takes commands at
once, each with the result that it had then. Polls, lives and marks of what is durable say only when; commands are
compared, TIME apart. What a command brought about stands in the block that said that it was taken: so this one is shown
when it is taken now.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque

from firmware_stubs.ears import GARBLED
from firmware_stubs.plcs._modbus_frames import Frames, Request, RtuFrames, TcpFrames, crc16, rtu_length
from firmware_stubs.plcs._modbus_records import RECORD, TYPES
from firmware_stubs.plcs._modbus_registers import (
    COMMAND_HEAD,
    COMMAND_RING,
    COMMANDS,
    COUNT,
    EVENT_RING,
    EVENTS,
    ORDERS,
    RESULTS,
    Registers,
    serve,
)
from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.talks import Fact
from firmware_stubs.wire_print import shown
from firmware_stubs.wire_recording import HOST, Entry

HEAD, TAIL, CLOCK, BLOCK = 3, 4, 5, 9
TAKEN = 1
"""the result of a command that nobody gave then"""
READ = 3
UNTIMED_MS = 1e12
NAMES = {number: name for name, number in TYPES.items()}

Words = tuple[int, ...]
Key = tuple[str, int]


class ModbusMachine:
    """As `ReplayedMachine`."""

    def __init__(self, name: str) -> None:
        self.was: list[Fact] = []
        self.is_: list[Fact] = []
        self._name = name
        self._then, self._now = _Host(), _Host()
        self._asked: deque[Request] = deque()
        self._answers = _Answers()
        self._blocks: list[tuple[float, Words]] = []
        self._taken: dict[int, int] = {}  # by number of commands taken: the first block that says so
        self._events: dict[int, Words] = {}
        self._results: dict[Key, int] = {}
        self._numbered: dict[int, Key] = {}  # commands of then
        self._written = False  # then, by the controller

    def recorded(self, entry: Entry) -> None:
        """Both sides, in order."""
        data = as_bytes(entry.piece)
        if entry.side == HOST:
            for request in self._then.requests(data):
                self._asked.append(request)
                self._written |= request.pdu[0] != READ
                for number, key, text in self._then.commands(request.pdu):
                    self._numbered[number] = key
                    self._fact(self.was, key, text, entry.t, entry.number)
            if self._then.garbled():
                self.was.append(Fact(self._name, GARBLED, f"garbled {shown(data)}", entry.t, entry.number))
            return
        for request, pdu in self._answers.of(data, self._asked, self._then.tcp):
            if request.pdu[0] == READ == pdu[0]:
                words = tuple(int.from_bytes(pdu[at : at + 2], "big") for at in range(2, len(pdu) - 1, 2))
                self._learn(entry.t, int.from_bytes(request.pdu[1:3], "big"), words)

    def says(self, entry: Entry) -> list[Piece]:
        """Nothing by itself."""
        return []

    def told(self, piece: Piece, t: float) -> list[Piece]:
        """It is read or written now."""
        host, out = self._now, list[Piece]()
        for request in host.requests(as_bytes(piece)):
            self._show(t)
            commands = host.commands(request.pdu)
            for number, key, text in commands:
                self._fact(self.is_, key, text, t, 0)
                host.registers.put(RESULTS + (number - 1) % COMMAND_RING, [self._results.get(key, TAKEN)])
            out.append(host.frames.answer(request, host.answer))
        return out

    def _fact(self, facts: list[Fact], key: Key, text: str, t: float, entry: int) -> None:
        if not text.startswith("TIME "):
            facts.append(Fact(self._name, " ".join(key[0].split()[:2]), text, t, entry))

    def _learn(self, t: float, address: int, words: Words) -> None:
        """What was read then."""
        there = dict(enumerate(words, address))
        if address == 0 and len(words) >= BLOCK:
            self._taken.setdefault(words[TAIL], len(self._blocks))
            self._blocks.append((t, words[:BLOCK]))
        if address >= ORDERS and not self._written:
            for host in (self._then, self._now):
                host.registers.put(address, list(words))
        head, tail = (self._blocks[-1][1][HEAD], self._blocks[-1][1][TAIL]) if self._blocks else (0, 0)
        for number in range(max(1, head - EVENT_RING + 1), head + 1):
            first = EVENTS + RECORD * ((number - 1) % EVENT_RING)
            if number % COUNT not in self._events and first in there and first + RECORD - 1 in there:
                self._events[number % COUNT] = tuple(there[first + at] for at in range(RECORD))
        for number in range(tail - COMMAND_RING + 1, tail + 1):
            place, key = RESULTS + (number - 1) % COMMAND_RING, self._numbered.get(number % COUNT)
            if key is not None and key not in self._results and there.get(place):
                self._results[key] = there[place]

    def _show(self, t: float) -> None:
        """The registers of the PLC at a moment."""
        registers = self._now.registers
        if not self._blocks:
            return
        last = max(0, bisect_right(self._blocks, t, key=lambda one: one[0]) - 1)
        at, block = self._blocks[max(last, self._taken.get(registers[COMMAND_HEAD], 0))]
        clock = (block[CLOCK] + round(t - at)) % COUNT
        registers.put(0, [*block[:TAIL], registers[COMMAND_HEAD], clock, *block[CLOCK + 1 :]])
        for number in range(block[HEAD] - EVENT_RING + 1, block[HEAD] + 1):
            if (event := self._events.get(number % COUNT)) is not None:
                registers.put(EVENTS + RECORD * ((number - 1) % EVENT_RING), list(event))


class _Host:
    """What one run of the controller asks: its frames, and the registers as it writes them."""

    def __init__(self) -> None:
        self.registers = Registers()
        self.tcp: bool | None = None
        self.answer = b""
        self.frames: Frames = TcpFrames(UNTIMED_MS, Counter())
        self._counts: Counter[str] = Counter()
        self._asks: Counter[str] = Counter()

    def requests(self, data: bytes) -> list[Request]:
        """Requests, by the framing of the first of them."""
        if self.tcp is None and len(data) >= 4:
            length = rtu_length(data[:7]) or len(data)
            self.tcp = crc16(data[: length - 2]) != data[length - 2 : length]
            rtu = RtuFrames(data[0], UNTIMED_MS, self._counts)
            self.frames = TcpFrames(UNTIMED_MS, self._counts) if self.tcp else rtu
        return self.frames.feed(data, 0.0)

    def garbled(self) -> bool:
        """Whether there was something since the last call that is no request."""
        garbled, self._counts["garbled"] = self._counts["garbled"], 0
        if garbled:
            self.frames.reset()
        return bool(garbled)

    def commands(self, pdu: bytes) -> list[tuple[int, Key, str]]:
        """The commands that a request gives: number, what is asked and for which time, all of it. `answer` is its
        answer then."""
        before = self.registers[COMMAND_HEAD]
        self.answer, wrote = serve(pdu, self.registers)
        found = []
        for number in range(1, (self.registers[COMMAND_HEAD] - before) % COUNT + 1 if wrote else 0):
            place = (before + number - 1) % COMMAND_RING
            words = self.registers.words(COMMANDS + RECORD * place, RECORD)
            assert words is not None  # the ring is there
            asks, text = _meaning(words)
            self._asks[asks] += 1
            found.append(((before + number) % COUNT, (asks, self._asks[asks]), text))
        return found


class _Answers:
    """The PLC's answers in what it said then, each with its request."""

    def __init__(self) -> None:
        self._tcp = TcpFrames(UNTIMED_MS, Counter())
        self._rest = b""

    def of(self, data: bytes, asked: deque[Request], tcp: bool | None) -> list[tuple[Request, bytes]]:
        """A request that got none is forgotten."""
        if tcp:
            answers = self._tcp.feed(data, 0.0)
            by_head = {request.head: request for request in asked}
            found = [(by_head[one.head], one.pdu) for one in answers if one.head in by_head]
            asked.clear()
            return found
        if not asked:
            return []
        request = asked[-1]
        self._rest += data
        size = 5 if self._rest[1:2] and self._rest[1] & 0x80 else 8
        if request.pdu[0] == READ and size != 5:
            size = 5 + 2 * int.from_bytes(request.pdu[3:5], "big")
        if len(self._rest) < size:
            return []
        frame, self._rest = self._rest[:size], b""
        asked.clear()
        return [(request, frame[1:-2])] if crc16(frame[:-2]) == frame[-2:] else []


def _meaning(words: list[int]) -> tuple[str, str]:
    """What a command asks, and all of it."""
    kind, raw = NAMES.get(words[0], str(words[0])), " ".join(f"{word:04x}" for word in words)
    if kind == "DEST":
        track, lanes = words[1] << 16 | words[2], [lane for lane in (*words[4:6], *words[14:16]) if lane]
        said = f"point={words[3]} lanes={','.join(map(str, lanes))} if_none={chr(words[13] & 0xFF)}"
        return f"DEST {track} {words[11]}", f"DEST track={track} decision={words[11]} {said}: {raw}"
    if kind == "CMND":
        return f"CMND {words[3]} {words[6]}", f"CMND element={words[3]} command={words[6]}: {raw}"
    return f"{kind} -", f"{kind} {raw}"
