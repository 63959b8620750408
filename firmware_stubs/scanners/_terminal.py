"""One handheld terminal: its scans, what it was told, and what it does without an answer."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_stubs.results import Shown
from firmware_stubs.stub import Verdict

UNANSWERED = 5  # times that it sends a scan before it goes by the rules
_STORED_MOST = 10_000  # scans that it keeps for later
_LARGEST = 65_536  # bytes of a message that it looks at
TONES = {"ok": "short", "wrong": "long", "hold": "triple"}
_AIM = re.compile(rb"\][A-Za-z][0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may go on without an answer; before any were heard nobody may. `online` None: floord has said nothing."""

    online: bool | None = None
    answer_ms: float = 300.0
    offline: Mapping[str, str] = field(default_factory=dict)

    def accepts(self, process: str) -> bool:
        """Whether a scan of this process is accepted without an answer."""
        return self.offline.get(process, self.offline.get("*", "refuse")) == "accept"


@dataclass(slots=True, eq=False)
class Scan:
    """One scan; without an `id` nobody answers it. `sent` times, last at `at`."""

    id: str
    code: bytes
    shown: Shown
    fields: dict[str, Any]
    sent: int = 0
    at: float = 0.0


class Terminal:
    """One device. It has one scan at a time before its hand; what was accepted without an answer is sent later."""

    def __init__(self, device: str, process: str, repeat_ms: float) -> None:
        self.device = device
        self.verdicts: deque[Verdict] = deque(maxlen=10_000)
        self._process = process
        self._repeat_ms = repeat_ms
        self._waiting: deque[Scan] = deque()  # the first one is before the hand
        self._stored: deque[Scan] = deque()
        self._reached = True  # the last that was sent to floord was answered, or nothing was sent yet

    def scanned(self, scan: Scan) -> None:
        """Another code, behind those that still wait."""
        self._waiting.append(scan)

    def due(self, rules: Rules, *, connected: bool) -> float | None:
        """When `move` has something to do; None = nothing."""
        found = []
        if self._waiting:
            found.append(self._when(self._waiting[0], rules, connected=connected))
        if self._stored and connected and rules.online is not False:
            stored = self._stored[0]
            found.append(stored.at + self._repeat_ms if stored.sent else -1.0)
        return min(found, default=None)

    def _when(self, scan: Scan, rules: Rules, *, connected: bool) -> float:
        if not scan.sent or not connected or rules.online is False:
            return -1.0
        last = scan.sent >= UNANSWERED or not self._reached
        return scan.at + (rules.answer_ms if last else max(self._repeat_ms, rules.answer_ms))

    def move(self, rules: Rules, now: float, *, connected: bool) -> list[bytes]:
        """What it sends now."""
        out = []
        while self._waiting and self._when(scan := self._waiting[0], rules, connected=connected) <= now:
            if not connected or rules.online is False or scan.sent >= (UNANSWERED if self._reached else 1):
                self._go_by_rules(scan, rules, now)
            else:
                out.append(_payload(scan))
                scan.sent, scan.at = scan.sent + 1, now
                scan.shown.all_said()
                if not scan.id:
                    self._waiting.popleft()
        if self._stored and connected and rules.online is not False:
            stored = self._stored[0]
            if not stored.sent or stored.at + self._repeat_ms <= now:
                out.append(_payload(stored))
                stored.sent, stored.at = stored.sent + 1, now
                if not stored.id:
                    self._stored.popleft()
        return out

    def _go_by_rules(self, scan: Scan, rules: Rules, now: float) -> None:
        self._waiting.popleft()
        self._reached = False
        if scan.fields.get("code", "") is None:  # nothing was read, so there is nothing to go on with
            scan.shown.unsaid()
            return
        accepted = rules.accepts(self._process) and len(self._stored) < _STORED_MOST
        if accepted:
            scan.fields["stored"] = True
            scan.sent = 0
            scan.shown.all_said()
            self._stored.append(scan)
        elif not scan.sent:
            scan.shown.unsaid()
        verdict, words = ("ok", "") if accepted else ("hold", "no answer")
        self._conclude(scan, verdict, words, TONES[verdict], now, local=True)

    def answered(self, answer: dict[str, Any], now: float) -> bool:
        """Whether this was an answer to a scan that waits."""
        if self._waiting and self._waiting[0].sent and self._waiting[0].id == answer["scan"]:
            scan = self._waiting.popleft()
            self._conclude(scan, answer["verdict"], answer["words"], answer["tone"], now, local=False)
        elif self._stored and self._stored[0].sent and self._stored[0].id == answer["scan"]:
            self._stored.popleft()
        else:
            return False
        self._reached = True
        return True

    def heard_of(self) -> None:
        """floord has come: what it missed is sent at once."""
        self._reached = True
        for scan in self._stored:
            scan.sent = 0

    def _conclude(self, scan: Scan, verdict: str, words: str, tone: str, now: float, *, local: bool) -> None:
        self.verdicts.append(Verdict(self.device, scan.id, scan.code, verdict, words, tone, local, now))


def fields_of(code: bytes | None, symbology: str) -> dict[str, Any]:
    """The fields that hold a code: text where it is plain ASCII, else base64; its AIM identifier apart."""
    if code is None:
        return {"code": None}
    aim = _AIM.match(code)
    if aim:
        symbology, code = aim[0].decode("ascii"), code[3:]
    found: dict[str, Any] = {"symbology": symbology} if symbology else {}
    if all(0x20 <= byte < 0x7F for byte in code):
        return {"code": code.decode("ascii"), **found}
    return {"code_base64": base64.b64encode(code).decode("ascii"), **found}


def _payload(scan: Scan) -> bytes:
    named = {"scan": scan.id} if scan.id else {}
    return json.dumps({**named, **scan.fields}, separators=(",", ":")).encode("ascii")


def _object(payload: bytes) -> dict[str, Any] | None:
    if len(payload) > _LARGEST:
        return None
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def answer_in(payload: bytes) -> dict[str, Any] | None:
    """An answer as the interface has it, else None."""
    found = _object(payload)
    if found is None or not all(isinstance(found.get(key), str) for key in ("scan", "verdict", "words", "tone")):
        return None
    fits = TONES.get(found["verdict"]) == found["tone"] and len(found["words"]) <= 64
    return found if fits else None


def rules_in(payload: bytes) -> Rules | None:
    """Rules as the interface has them, else None."""
    found = _object(payload)
    if found is None or found.get("controller") not in ("online", "offline"):
        return None
    answer_ms, offline = found.get("answer_ms"), found.get("offline")
    if not isinstance(answer_ms, int | float) or not 1 <= answer_ms <= 60_000 or not isinstance(offline, dict):
        return None
    if len(offline) > 1000 or any(what not in ("accept", "refuse") for what in offline.values()):
        return None
    return Rules(found["controller"] == "online", float(answer_ms), offline)
