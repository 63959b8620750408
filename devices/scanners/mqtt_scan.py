"""`mqtt_scan`: handheld terminals, and whatever else publishes scans as JSON on a broker, by docs/handhelds.md.

One driver serves all terminals below `{base}`: scans on `{base}/{device}/scan`, whether they are there on
`{base}/{device}/state`, answers on `{base}/{device}/answer`, and what they may do without an answer, retained, on
`{base}/rules`. A scan is a Read with its `hand`; the HandAnswer for its device and `ref` is its answer. The caller
sends that when the scan is durable; here nothing waits for `confirm`. A scan that comes again is answered again and is
no second Read.

The same id for something else is no repeat: a terminal that began to count anew would be given the answer of another
parcel. It is refused. But a scan that comes again as `stored` says something new (it was done), and is a Read of its
own.

Ids are checked before one of them becomes a level of a topic. Proof of this driver: MQTT carries whole messages.
Source: docs/handhelds.md, which is this project's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from zlib import crc32

from devices.codes import RAW, read_of
from devices.driver import TalkOnly
from devices.scanners import _hand_answers, _hand_scan, _json
from devices.scanners._hand_answers import GONE, UNASKED, Answers
from devices.scanners._hand_memory import Asked, Memory, Repeats
from devices.scanners._hand_scan import ID, Keys, Scan
from devices.types import (
    Command,
    Condition,
    Garbled,
    Hand,
    HandAnswer,
    Item,
    Kept,
    Message,
    NoRead,
    Read,
)

MOST_DEVICES = 4096
"""So many terminals' states are remembered."""

RETAINED, AGAIN, CLEARED, OTHER = ("retained scan", "scan that came again", "state that was cleared", "other topic")
DEVICE = "the device in its topic is no id"
USED_AGAIN = "scan: the same id for another scan"
STATE = "state: neither online nor offline"

TAKES = (HandAnswer,)
NOT_UNDERSTOOD, NOTHING_READ = "not understood", "nothing was read"


@dataclass(frozen=True)
class Settings:
    """`base` = the topic that all terminals are below. `format` = `json`, or `text`: the whole payload is the code.

    The keys name the fields of a scan, with dots for objects in objects; an empty one = the publishers have no such
    field. Without a scan's id the same payload within `again_ms` is a repeat (0 = never). `answer_ms` and
    `offline_accept`, processes or `*`, are what terminals are told of waiting. `max_length` = bytes of a message.
    """

    base: str = "handheld"
    format: str = "json"
    code_key: str = "code"
    code_base64_key: str = "code_base64"
    scan_key: str = "scan"
    process_key: str = "process"
    station_key: str = "station"
    actor_key: str = "actor"
    target_key: str = "target"
    symbology_key: str = "symbology"
    time_key: str = "time"
    stored_key: str = "stored"
    again_ms: float = 2000.0
    answer_ms: int = 300
    offline_accept: tuple[str, ...] = ("identify", "unload", "inspect")
    max_length: int = 8192


class Driver(TalkOnly):
    """Read, NoRead, Condition, Garbled; Answered, GivenUp. Takes HandAnswer."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        _judge(settings)
        self._settings = settings
        names = "code code_base64 scan process station actor target symbology time stored".split()
        self._keys = Keys(**{name: getattr(settings, f"{name}_key") for name in names})
        self._memory = Memory(self.counters)
        self._repeats = Repeats(settings.again_ms)
        self._answers = Answers()
        self._states: dict[str, bool] = {}
        self._last_id = self._number = 0
        self._open = False

    def subscriptions(self) -> Sequence[tuple[str, int]]:
        """Scans and states of all terminals."""
        return [(f"{self._settings.base}/+/scan", 1), (f"{self._settings.base}/+/state", 1)]

    def will(self) -> Message:
        """Who waits for an answer shall know that nobody is there."""
        return self._rules("offline")

    def opened(self, now: float, kept: Kept) -> None:
        """The broker is there: the rules leave in the next `take`. What was heard before is remembered."""
        self._open = True
        self._number = max(self._number, kept.epoch)
        self._answers.put(self._rules("online"), now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """What this message means; answers that are known leave in the next `take`."""
        if not isinstance(data, Message):
            raise TypeError("terminals are on a broker: messages are wanted")
        below = f"{self._settings.base}/"
        device, _, end = data.topic.removeprefix(below).partition("/")
        if not data.topic.startswith(below) or end not in ("scan", "state"):
            self.counters.note(OTHER)
            return []
        if not ID.fullmatch(device):
            return [self._garbled(data.payload, DEVICE, at)]
        if end == "state":
            return self._state(device, data.payload, at)
        if data.retain:
            self.counters.note(RETAINED)
            return []
        self.counters.frames += 1
        return self._scanned(device, data.payload, at)

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """The answer to a scan. A terminal that asks again is given it again, also after `expires`.

        A device or a ref that did not ask within ten minutes is GivenUp and not published: a late caller does no harm.
        """
        if not isinstance(command, HandAnswer):
            raise TypeError(f"mqtt_scan takes no {type(command).__name__}, only HandAnswer")
        self._last_id += 1
        asked = self._memory.known(command.device, command.ref, now)
        if asked is None:
            self._answers.refuse(self._last_id, UNASKED, now)
            return self._last_id
        asked.answer = command
        if self._open:
            self._answers.put(self._answer(command), now, self._last_id, expires)
        else:
            self._answers.refuse(self._last_id, GONE, now)
        return self._last_id

    def tick(self, now: float) -> Sequence[Item]:
        """What became of answers."""
        return self._answers.tick(now)

    def next_at(self) -> float | None:
        """When there is something to say of answers."""
        return self._answers.next_at()

    def take(self) -> list[Message]:
        """Answers and rules."""
        return self._answers.take()

    def closed(self, now: float) -> Sequence[Item]:
        """The broker is gone; the answers are kept for those who ask again."""
        self._open = False
        return self._answers.closed(now)

    # --- scans --------------------------------------------------------------------------------------------------------

    def _scanned(self, device: str, payload: bytes, at: float) -> list[Item]:
        settings = self._settings
        if settings.format == "text":
            ref, scan = "", self._text(payload)
        else:
            ref, scan = _hand_scan.read(payload, self._keys, settings.max_length)
        if isinstance(scan, str):
            return self._refused(device, ref, payload, scan, at)
        if not ref:
            if self._repeats.is_repeat(device, blake2b(payload, digest_size=16).digest(), at):
                self.counters.note(AGAIN)
                return []
            return [self._item(device, scan, payload, at)]
        known, meaning = self._memory.known(device, ref, at), scan.meaning()
        if known and known.meaning != meaning:
            return self._refused(device, ref, payload, USED_AGAIN, at)
        if known and (known.stored or not scan.stored):
            self.counters.note(AGAIN)
            if known.answer:
                self._answers.put(self._answer(known.answer), at)
            return []
        return self._new(device, scan, Asked(at, meaning, scan.stored), payload, at)

    def _new(self, device: str, scan: Scan, asked: Asked, payload: bytes, at: float) -> list[Item]:
        item = self._item(device, scan, payload, at)
        if isinstance(item, Garbled):
            self._say(device, scan.ref, NOT_UNDERSTOOD, at)
            return [item]
        self._memory.add(device, scan.ref, asked)
        if isinstance(item, NoRead):  # nobody else answers it: it has no hand
            asked.answer = self._say(device, scan.ref, NOTHING_READ, at)
        return [item]

    def _item(self, device: str, scan: Scan, payload: bytes, at: float) -> Read | NoRead | Garbled:
        if not scan.code:
            return NoRead(payload, at, reader=device)
        item = read_of(scan.code, payload, at, symbology=scan.symbology, reader=device)
        if isinstance(item, Garbled):
            self.counters.bad(item.why)
            return replace(item, reader=device)
        self._number += 1
        hand = Hand(
            scan.process, scan.station, scan.actor, scan.ref, target=scan.target, time=scan.time, stored=scan.stored
        )
        return replace(item, hand=hand, token=(self._number, crc32(payload)))

    def _text(self, payload: bytes) -> Scan | str:
        longest = self._settings.max_length
        return Scan(payload) if len(payload) <= longest else f"longer than {longest} bytes"

    def _refused(self, device: str, ref: str, payload: bytes, why: str, at: float) -> list[Item]:
        if ref:
            self._say(device, ref, NOT_UNDERSTOOD, at)
        return [self._garbled(payload, why, at, device)]

    def _say(self, device: str, ref: str, words: str, at: float) -> HandAnswer:
        """Answer what cannot become a Read."""
        said = HandAnswer(device, ref, "wrong", words, "long")
        self._answers.put(self._answer(said), at)
        return said

    def _answer(self, said: HandAnswer) -> Message:
        return _hand_answers.answer(f"{self._settings.base}/{said.device}/answer", said)

    def _garbled(self, payload: bytes, why: str, at: float, device: str = "") -> Garbled:
        self.counters.bad(why)
        return Garbled(payload[:RAW], why, at, reader=device)

    # --- states -------------------------------------------------------------------------------------------------------

    def _state(self, device: str, payload: bytes, at: float) -> list[Item]:
        """Retained or not: it is how the terminal is."""
        if not payload:
            self.counters.note(CLEARED)
            return []
        try:
            parsed = _json.parse(payload, self._settings.max_length)
        except _json.Malformed as error:
            return [self._garbled(payload, str(error), at, device)]
        said = parsed.value.get("state") if isinstance(parsed.value, dict) and not parsed.twice else None
        if said not in ("online", "offline"):
            return [self._garbled(payload, STATE, at, device)]
        ok = said == "online"
        if self._states.get(device) is ok:
            return []
        self._states[device] = ok
        if len(self._states) > MOST_DEVICES:
            del self._states[next(iter(self._states))]
        return [Condition(ok, said, payload[:RAW], at, part=device)]

    def _rules(self, controller: str) -> Message:
        settings = self._settings
        offline = {**dict.fromkeys(settings.offline_accept, "accept")}
        offline.setdefault("*", "refuse")
        body = {"controller": controller, "answer_ms": settings.answer_ms, "offline": offline}
        return _hand_answers.message(f"{settings.base}/rules", body, retain=True)


def _judge(settings: Settings) -> None:
    if not re.fullmatch(r"[^\s/#+$\x00][^\s#+\x00]{0,199}", settings.base) or settings.base.endswith("/"):
        raise ValueError(f"base = {settings.base!r}: write a topic without # + or spaces, e.g. base = 'handheld'")
    if settings.format not in ("json", "text"):
        raise ValueError(f"format = {settings.format!r}: write 'json', or 'text' where the whole payload is the code")
    for name in (name for name in vars(settings) if name.endswith("_key")):
        if not re.fullmatch(r"(?:[^.]+(?:\.[^.]+){0,7})?", getattr(settings, name)):
            raise ValueError(f"{name} = {getattr(settings, name)!r}: write the names of members with dots between them")
    if not settings.code_key and not settings.code_base64_key:
        raise ValueError("code_key: write where the code stands, here or in code_base64_key")
    if settings.again_ms < 0:
        raise ValueError(f"again_ms = {settings.again_ms}: write a time, 0 = nothing is a repeat")
    if not 50 <= settings.answer_ms <= 10_000:
        raise ValueError(f"answer_ms = {settings.answer_ms}: write 50 to 10000")
    for process in settings.offline_accept:
        if process != "*" and not ID.fullmatch(process):
            raise ValueError(f"offline_accept: {process!r} is no process; write ids, or '*' for all")
    if not 64 <= settings.max_length <= 1_048_576:
        raise ValueError(f"max_length = {settings.max_length}: write 64 to 1048576")
