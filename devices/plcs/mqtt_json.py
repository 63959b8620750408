"""A PLC that speaks JSON over MQTT (PLC interface v1 §5): `{base}/up` from it, `{base}/down` to it, `{base}/status`.

The broker carries whole messages, so an encoding is all there is beside the rules of the channel (`_channel`, as for
every other encoding): the members (`_json_tables`), the session number that each message carries, and the status that
the PLC leaves with the broker. `online` there makes us ask for a session, `offline` ends ours.

A message of another session is never acted on: a request is ignored and counted, and so is an answer. What the broker
has retained on `up` was meant for somebody before us and is ignored, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from devices.plcs import _json_tables as tables
from devices.plcs._channel import Channel
from devices.plcs._json_listen import Sniffer
from devices.plcs._messages import Outgoing
from devices.plcs._names import Names, check
from devices.plcs._taken import Rings
from devices.types import Command, Counters, Garbled, Item, Kept, Message, Token

REPEAT_MS, LATE_MS = 2500.0, 300.0
__all__ = ["Driver", "Settings", "Sniffer"]
RAW = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """One PLC channel.

    `base` = the topic that `/up`, `/down` and `/status` are below. `ack` = `durable` makes every `A` wait for the disk.
    `names` = the floor's name of a point or lane -> the PLC's, where they differ.
    """

    base: str
    ack: str = "taken"
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^\s/#+$\x00][^\s#+\x00]{0,199}", self.base) or self.base.endswith("/"):
            raise ValueError(f"base = {self.base!r}: write a topic without # + or spaces, e.g. base = 'plc/S1'")
        if self.ack not in ("taken", "durable"):
            raise ValueError(f"ack = {self.ack!r}: write 'taken' or 'durable'")
        check(self.names, r"[!-~]{1,64}", "1 to 64 characters without spaces")


class Driver:
    """One channel to one PLC; the Protocol of devices/driver.py, with that of a machine on a broker."""

    def __init__(self, settings: Settings) -> None:
        self.counters = Counters()
        self._up, self._down, self._status = (f"{settings.base}/{end}" for end in ("up", "down", "status"))
        self._names = Names(settings.names)
        self._out: list[Message] = []
        self._session = 0
        self._asked: Outgoing | None = None
        self._utc = self._opened_at = 0.0
        rings = Rings(wrap=False, sequence=tables.LAST, evt=tables.LAST)
        self._channel = Channel(
            self._write, self.counters, REPEAT_MS, settings.ack == "durable", False, rings, late_ms=LATE_MS
        )

    @property
    def next_sequence(self) -> int:
        """The number of our next request, 1 at the first of an epoch. Settable while no request is open."""
        return self._channel.next_sequence

    @next_sequence.setter
    def next_sequence(self, number: int) -> None:
        self._channel.next_sequence = number

    def subscriptions(self) -> Sequence[tuple[str, int]]:
        """What the PLC says."""
        return [(self._up, 1), (self._status, 1)]

    def will(self) -> None:
        """None: the PLC notices by our silence."""
        return None

    def opened(self, now: float, kept: Kept) -> None:
        """The broker is there and has granted the subscriptions: SYES leaves in the next `take`."""
        self._out.clear()
        self._utc, self._opened_at = kept.utc_ms, now
        self._channel.opened(now, kept)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """What this message means; the answers to it leave in the next `take`."""
        if not isinstance(data, Message):
            raise TypeError("this PLC is on a broker: messages are wanted")
        self._channel.check_silence(at)
        if data.topic == self._status:
            self._heard_status(data, at)
        elif data.topic != self._up:
            self.counters.note("other topic")
        elif data.retain:
            self.counters.note("retained message")
        else:
            self._message(data.payload, at)
        self._channel.advance(at)
        return self._items()

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Queue a DEST, CMND or TIME. Raises ValueError for a contradiction in it."""
        return self._channel.send(command, now, expires)

    def confirm(self, token: Token, now: float) -> None:
        """Everything up to `token` is durable."""
        self._channel.confirm(token, now)

    def tick(self, now: float) -> Sequence[Item]:
        """Repeats, LIFE, SYES, deadlines, silence."""
        self._channel.advance(now)
        return self._items()

    def next_at(self) -> float | None:
        """The nearest of all deadlines."""
        return self._channel.next_at()

    def take(self) -> list[Message]:
        """Whole messages."""
        out, self._out = self._out, []
        return out

    def closed(self, now: float) -> Sequence[Item]:
        """The broker is gone, and with it session and commands."""
        self._channel.closed(now)
        self._out.clear()
        return self._items()

    def _heard_status(self, said: Message, at: float) -> None:
        """Retained or not: brokers of MQTT 5 mark what is retained also while it is said, those of 3.1.1 do not."""
        if said.payload == b"offline":
            self._channel.lose("the PLC is offline, says its broker", at)
        elif said.payload == b"online":
            self._channel.ask("the PLC came online", at)
        elif said.payload not in (b"", b"online"):
            self._garbled("status", f"{self._status} says neither online nor offline", said.payload, at)

    def _message(self, payload: bytes, at: float) -> None:
        try:
            envelope = tables.parse(payload)
        except tables.Malformed as error:
            self._garbled(error.reason, str(error), payload, at)
            return
        if envelope.session != self._session:
            self.counters.note("message of another session")
            return
        self.counters.frames += 1
        self._channel.alive(at)
        message = replace(envelope.message, fields=self._names.up(envelope.message.fields))
        if message.flag == "R":
            self._channel.request(message, at)
        else:
            self._channel.answer(message, at)

    def _garbled(self, reason: str, why: str, raw: bytes, at: float) -> None:
        self.counters.bad(reason)
        self._channel.items.append(Garbled(raw[:RAW], why, at))

    def _items(self) -> list[Item]:
        items, self._channel.items = self._channel.items, []
        return items

    def _write(self, message: Outgoing, now: float) -> float:
        """Each SYES names a new session; a repeat of it is the same one."""
        if message.type == "SYES" and message.flag == "R" and message is not self._asked:
            self._asked = message
            self._session = max(self._session + 1, round(self._utc + now - self._opened_at))
        fields = self._names.down(message.fields)
        self._out.append(Message(self._down, tables.build(self._session, replace(message, fields=fields))))
        return now
