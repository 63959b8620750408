"""`zebra_ssi`: Zebra (Symbol, Motorola) scanners that send SSI packets and wait for an answer to each.

A decoder sends one packet and waits, 2 s as it leaves the factory, for CMD_ACK or CMD_NAK; without one it sends the
packet again with a mark, twice, and then forgets it. So a code is acknowledged only when it is durable, and the token
of its Read is (running number, CRC-32 of the data of its last packet): a marked packet with that CRC is the same code
again, also after a restart, and is acknowledged and not read. A packet without the mark is always a new read. All
else that wants an acknowledgement gets it at once. A packet with a wrong checksum is answered with CMD_NAK 01, one that
fits nothing with 02. Answers to a command of ours (REPLY_REVISION …) want none. Heartbeats come as codes
(`MOTEVTHB:nnn`), and so does the no-read text. The packets are in `_ssi`, codes in several packets in `_ssi_parts`.
Proof: the 16-bit checksum and the length.

Sources: Zebra manuals MP72, DS4678 (opcodes), SP72 (status), SE955 (packets, handshake), DS8108 (heartbeat, time-outs),
CS4070 (no-read text), DS457 (waking, packets of one message).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.alive import Silence, Standing
from devices.codes import RAW
from devices.commands import SILENT as UNANSWERED
from devices.commands import Commands
from devices.driver import earliest
from devices.framing import SILENT, Bad
from devices.scanners import _ssi as ssi
from devices.scanners._ssi_acks import Acks
from devices.scanners._ssi_ear import Ear
from devices.scanners._ssi_parts import Refused
from devices.types import (
    Answered,
    Command,
    EventSeen,
    Garbled,
    GivenUp,
    Heartbeat,
    Item,
    Kept,
    Message,
    Reply,
    Token,
    Trigger,
)

BINARY = True

TAKES = (Trigger,)
UNPROVEN = (
    "WAKEUP, a single byte 00, is general knowledge; wakeup_ms = 0 never sends it.",
    "every packet of a code that continues is taken to begin with the code type.",
    "a segment is acknowledged with opcode 74, the last one too, and with CMD_ACK in turns where it is said again; the "
    "one public driver that knows them has done both, and says that the scanner does not mind.",
    "a packet that fits nothing, and an opcode that no decoder sends, is answered with CMD_NAK 02.",
    "the code type does not say the modifier of the AIM identifier, so the usual one is given "
    "(QR ]Q1, Data Matrix ]d1).",
)

REPEATS = 2
"""A command is sent again so many times when the decoder says that it got it damaged, as a decoder does itself."""
ASK_MS = 10_000.0
"""A decoder that did not answer is asked again so often."""
DEAF = "it does not answer REQUEST_REVISION: off, not connected, at another speed, or not set to SSI"
REPEATED = "a code again, because its acknowledgement was late or lost"


@dataclass(frozen=True)
class Settings:
    """Silence of `gap_ms` ends a packet that has begun. A command without answer for `answer_ms` is given up.

    `revision`: ask for the decoder's revision when the channel opens, and again while it does not answer.
    `heartbeat_s`: something is heard at least so often, 0 = not expected. `wakeup_ms`: send WAKEUP so long before a
    command, 0 = never. `no_read`: texts that say that nothing was read; a code without any character says so too.
    """

    gap_ms: float = 200.0
    answer_ms: float = 2000.0
    revision: bool = True
    heartbeat_s: float = 0.0
    wakeup_ms: float = 0.0
    no_read: tuple[str, ...] = ("NR",)


class Sniffer(Ear):
    """What both sides say on a wire."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.gap_ms, settings.no_read)

    def close(self, now: float) -> Sequence[Item]:
        """Half a packet and half a message are garbled."""
        return self.closed(now)


class Driver(Ear):
    """Read, NoRead, Garbled with a token; Heartbeat, Reply, EventSeen, DeviceError, Condition. Takes Trigger.

    Raises ValueError for settings that cannot work.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.gap_ms, settings.no_read)
        for name, least in (("answer_ms", 1.0), ("heartbeat_s", 0.0), ("wakeup_ms", 0.0)):
            if not getattr(settings, name) >= least:
                raise ValueError(f"{name} = {getattr(settings, name)}: write {least:g} or more")
        self._settings = settings
        self._commands = Commands(settings.answer_ms)
        self._silence = Silence(settings.heartbeat_s * 1000)
        self._standing = Standing()
        self._acks = Acks()
        self._repeated = False  # of the code that is arriving, a packet was said again
        self._asked: int | None = None  # our own command
        self._ask_at: float | None = None
        self._awake = False  # WAKEUP was sent, and the command may follow
        self._awake_at: float | None = None
        self._now = 0.0

    def opened(self, now: float, kept: Kept) -> None:
        """`kept` = the last code that is durable, unless this driver knows a later one. Asks for the revision."""
        self._now = now
        super().opened(now, kept)
        self._parts.opened()
        self._acks.opened(kept)
        self._beat, self._awake, self._awake_at = 0, False, None
        self._silence.opened(now)
        if self._settings.revision:
            self._ask(now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Items of the packets that `data` completes; an answer to our command is a Reply and then an Answered."""
        self._now = at
        return super().feed(data, at)

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Trigger -> START_DECODE or STOP_DECODE; a refusal is the cause of CMD_NAK, a number."""
        if not isinstance(command, Trigger):
            raise TypeError(f"zebra_ssi takes no {type(command).__name__}, only Trigger")
        self._now = now
        packet = ssi.encode(ssi.START_DECODE if command.on else ssi.STOP_DECODE)
        return self._commands.add(ssi.NAMES[ssi.ACK], packet, now, expires)

    def confirm(self, token: Token, now: float) -> None:
        """Codes up to `token` are durable: the decoder is told when it waits for that of the last one."""
        self._now = now
        self._acks.confirm(token, now)

    def tick(self, now: float) -> Sequence[Item]:
        """End a packet and a message that go on no more, give up commands, ask again."""
        self._now = now
        items = [*super().tick(now)]
        due = self._parts.deadline()
        if due is not None and now >= due:
            items += self._lost(now)
        items += self._ours(self._commands.tick(now))
        if self._awake_at is not None and now >= self._awake_at:
            self._awake, self._awake_at = self._commands.ready(), None
        if self._ask_at is not None and now >= self._ask_at:
            self._ask(now)
        return [*items, *self._standing.heard(self._silence.tick(now))]

    def next_at(self) -> float | None:
        """Whatever is due first."""
        dues = (self._parts.deadline(), self._commands.next_at(), self._silence.next_at())
        return earliest(super().next_at(), *dues, self._ask_at, self._awake_at)

    def take(self) -> bytes:
        """Acknowledgements, else the next command; nothing while a packet arrives or the decoder waits for the disk."""
        if self._packets.arriving():
            return b""
        if answers := self._acks.take():
            return answers
        return b"" if self._acks.owed or self._parts.deadline() is not None else self._command()

    def closed(self, now: float) -> Sequence[Item]:
        """Half a packet and half a message are garbled, commands are given up."""
        self._now = now
        items = [*super().closed(now), *self._ours(self._commands.closed(now))]
        self._asked = self._ask_at = self._awake_at = None
        self._acks.closed()
        self._silence.closed()
        return items

    # --- what it hears ------------------------------------------------------------------------------------------------

    def _bad(self, bad: Bad) -> Sequence[Item]:
        if bad.why == ssi.CHECKSUM or (bad.why == SILENT and len(bad.raw) >= ssi.SHORTEST):
            self._parts.damaged()
            self._acks.answer(ssi.NAK, ssi.RESEND)
        return super()._bad(bad)  # fewer bytes are noise, and nobody waits for an answer to it

    def _packet(self, packet: ssi.Packet) -> list[Item]:
        if packet.from_host:
            return [self._message_item(packet)]
        self._ask_at = None
        items: list[Item] = [*self._standing.heard(self._silence.heard(packet.at, packet.data))]
        items += self._standing.say("answer", None, packet.data, packet.at)
        if packet.carries_code():
            return [*items, *self._data(packet)]
        item = self._message_item(packet)
        items.append(item)
        if isinstance(item, Garbled):
            self._acks.answer(ssi.NAK, ssi.BAD_CONTEXT)
        elif isinstance(item, EventSeen):
            self._acks.answer(ssi.ACK)
        elif isinstance(item, Reply):
            items += self._ours(self._commands.answered(item.verb, None, packet.at))
        elif packet.body != ssi.RESEND or not self._commands.repeat(ssi.again, REPEATS, packet.at):
            items += self._ours(self._commands.answered(None, packet.cause(), packet.at))
        return items

    def _data(self, packet: ssi.Packet) -> list[Item]:
        """A packet of a code: the whole code, or nothing yet."""
        if self._parts.deadline() is None and packet.retransmitted and self._acks.is_last(packet):
            self.counters.note(REPEATED)
            self._acks.again(packet, self._now)
            return []
        self._repeated |= packet.retransmitted
        found = self._parts.add(packet)
        if found is None:
            self._acks.part(packet)
            return []
        if isinstance(found, Refused):
            self._repeated = False
            self._acks.answer(ssi.NAK, ssi.BAD_CONTEXT)
            return [Garbled(packet.data[:RAW], found.why, packet.at)]
        item = self._code_item(found, packet.at)
        if isinstance(item, Heartbeat):
            self._acks.answer(ssi.ACK)
            return [item]
        token, late = self._acks.taken(packet, found.last, self._repeated)
        self._repeated = False
        return [replace(item, token=token) if isinstance(item, Garbled) else replace(item, token=token, late=late)]

    # --- what it says -------------------------------------------------------------------------------------------------

    def _command(self) -> bytes:
        if not self._commands.ready():
            return b""
        if self._settings.wakeup_ms and not self._awake:
            wakes, self._awake_at = self._awake_at is None, self._awake_at or self._now + self._settings.wakeup_ms
            return b"\x00" if wakes else b""
        self._awake = False
        return self._commands.take()

    def _ask(self, now: float) -> None:
        self._ask_at = None
        self._asked = self._commands.add(ssi.NAMES[0xA4], ssi.encode(ssi.REQUEST_REVISION), now, None)

    def _ours(self, ended: Sequence[Answered | GivenUp]) -> list[Item]:
        """Ends of commands, without that of our own question."""
        items: list[Item] = []
        for end in ended:
            if end.id != self._asked:
                items.append(end)
                continue
            self._asked = None
            if isinstance(end, GivenUp):
                self._ask_at = end.at + ASK_MS
            if isinstance(end, GivenUp) and end.why == UNANSWERED:
                items += self._standing.say("answer", DEAF, b"", end.at)
        return items
