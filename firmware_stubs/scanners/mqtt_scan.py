"""Handheld terminals on a broker, each message one JSON object.

`{base}/{device}/scan` says one scan and waits for `{base}/{device}/answer`; `{base}/{device}/state` is retained;
`{base}/rules` tells who may go on without an answer. A scan without an answer is sent again once a second; when five
went unanswered, or floord is gone, the rules decide: what they accept is sent later with `stored`, all else is held.

Source: the interface of handhelds, docs/handhelds.md. A connection has one will: that of the first device.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from firmware_stubs.results import Ledger, Shown, within
from firmware_stubs.scanners._terminal import Rules, Scan, Terminal, answer_in, fields_of, rules_in
from firmware_stubs.stub import Message, Piece, Quiet, Verdict, as_message

__all__ = ["ON_BROKER", "Scanner", "Settings", "Verdict"]

ON_BROKER = True  # its link is a broker

_ID = "[A-Za-z0-9_-]{1,64}"
_NAMED_MOST = 5  # devices with a subscription each


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section. Of several `devices` every one scans the next item in turn."""

    base: str = "handheld"
    devices: tuple[str, ...] = ("HT-01",)
    process: str = "identify"
    station: str = ""
    actor: str = ""
    target: str = ""
    symbology: str = ""  # of codes that do not begin with an AIM identifier
    ids: bool = True  # False = it gives its scans no id, and waits for nothing
    repeat_ms: float = 1000.0

    def __post_init__(self) -> None:
        if not self.base or len(self.base) > 1000 or any(one in self.base for one in "+#\0") or self.base[0] == "$":
            raise ValueError(f"base = {self.base!r}: give a topic without + and # that does not begin with $")
        if not self.devices or len(set(self.devices)) < len(self.devices):
            raise ValueError("devices must name at least one terminal, each of them once")
        for device in self.devices:
            if not re.fullmatch(_ID, device):
                raise ValueError(f"devices: {device!r} is no id: up to 64 characters of A-Z a-z 0-9 _ -")
        for key in ("process", "station", "actor", "target"):
            text = getattr(self, key)
            if not re.fullmatch(_ID, text) and not (text == "" and key != "process"):
                raise ValueError(f"{key} = {text!r} is no id: up to 64 characters of A-Z a-z 0-9 _ -")
        if self.symbology and not re.fullmatch(r"\][A-Za-z][0-9A-Za-z]", self.symbology):
            raise ValueError(f"symbology = {self.symbology!r} is no AIM identifier such as ]C0")
        within("repeat_ms", self.repeat_ms, 1, 1e6)


class Scanner(Quiet):
    """Terminals with one connection; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        self.counts: Counter[str] = Counter()  # retained, garbled, late and other messages it did not act upon
        self.rules = Rules()
        self._settings = settings
        self._boot = f"{seed & 0xFFFFFF:06x}"
        self._scans = 0
        self._terminals = {
            device: Terminal(device, settings.process, settings.repeat_ms) for device in settings.devices
        }
        self._turn = 0
        self._connected = False
        self._ledger = Ledger()
        self._out: list[Message] = []

    @property
    def attended(self) -> bool:
        """The broker is there, and floord has said that it is."""
        return self._connected and self.rules.online is True

    def subscriptions(self) -> list[tuple[str, int]]:
        """The rules, and the answers of each device; of many devices all answers, those of others are ignored.

        nats-server refuses a subscription when those of one connection may have more than 65,535 messages on their way.
        """
        base, devices = self._settings.base, self._settings.devices
        named = devices if len(devices) <= _NAMED_MOST else ("+",)
        return [(f"{base}/rules", 1), *((f"{base}/{device}/answer", 1) for device in named)]

    def will(self) -> Message | None:
        """The first device is offline."""
        return self._state(self._settings.devices[0], "offline")

    def opened(self, now: float) -> None:
        """The broker granted the subscriptions."""
        self._connected = True
        self._out += [self._state(device, "online") for device in self._settings.devices]
        self.tick(now)

    def closed(self, now: float) -> None:
        """The broker is gone, and who could answer with it."""
        self._connected = False
        self._out.clear()
        self.tick(now)

    def feed(self, data: Piece, now: float) -> None:
        """An answer or the rules."""
        message = as_message(data)
        self.tick(now)
        base = self._settings.base
        if message.topic == f"{base}/rules":
            self._hear_rules(message.payload)
        elif message.retain:
            self.counts["retained"] += 1
        elif (terminal := self._terminals.get(_device(base, message.topic))) is None:
            self.counts["wrong_receiver"] += 1
        elif (answer := answer_in(message.payload)) is None:
            self.counts["garbled"] += 1
        elif not terminal.answered(answer, now):
            self.counts["late"] += 1
        self.tick(now)

    def _hear_rules(self, payload: bytes) -> None:
        rules = rules_in(payload)
        if rules is None:
            self.counts["garbled"] += 1
            return
        self.rules = rules
        if rules.online:
            for terminal in self._terminals.values():
                terminal.heard_of()

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """A hand scans every code of the item, or tells that there is none."""
        self.tick(now)
        settings = self._settings
        terminal = self._terminals[settings.devices[self._turn]]
        self._turn = (self._turn + 1) % len(settings.devices)
        named = {"process": settings.process, "station": settings.station}
        named |= {"actor": settings.actor, "target": settings.target}
        scanned: list[bytes | None] = [*codes] or [None]
        for code in scanned:
            shown = Shown(() if code is None else (code,))
            self._ledger.add(shown)
            self._scans += 1
            waits = settings.ids and code is not None  # a no-read has no answer
            fields = fields_of(code, settings.symbology) | {key: text for key, text in named.items() if text}
            terminal.scanned(Scan(f"{self._boot}-{self._scans}" if waits else "", code or b"", shown, fields))
        self.tick(now)

    def tick(self, now: float) -> None:
        """Send, repeat, give up."""
        for device, terminal in self._terminals.items():
            for payload in terminal.move(self.rules, now, connected=self._connected):
                self._out.append(Message(f"{self._settings.base}/{device}/scan", payload))

    def next_at(self) -> float | None:
        """The next repeat, or the end of a terminal's patience."""
        due = (one.due(self.rules, connected=self._connected) for one in self._terminals.values())
        return min((at for at in due if at is not None), default=None)

    def take(self) -> list[Message]:
        """Scans and states, each once."""
        out, self._out = self._out, []
        return out

    def said(self) -> list[bytes | None]:
        """For the ledger: each code once, however often it was sent; a scan that was refused unsent is none."""
        return self._ledger.said()

    def verdicts(self) -> list[Verdict]:
        """What the hands were told since the last call, device by device; of each the last 10,000."""
        found = [verdict for terminal in self._terminals.values() for verdict in terminal.verdicts]
        for terminal in self._terminals.values():
            terminal.verdicts.clear()
        return found

    def _state(self, device: str, state: str) -> Message:
        return Message(f"{self._settings.base}/{device}/state", b'{"state": "%s"}' % state.encode("ascii"), retain=True)


def _device(base: str, topic: str) -> str:
    """Whose answer comes on this topic; empty = on none of ours."""
    device = topic.removeprefix(f"{base}/").removesuffix("/answer")
    return device if topic == f"{base}/{device}/answer" else ""
