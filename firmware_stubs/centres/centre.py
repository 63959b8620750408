"""The hub's IT on its broker: advice of what comes, what customs says of it, and the beat of the customs feed.

`hub/v1/{site}/advice`, `customs` and `customs/head`, QoS 1, not retained. The feed's numbers begin with UTC in ms, so
that those of a later run are higher. What was said is kept for a while: a node that says on `state/node` that it does
not believe the feed has missed something, and hears all of it again with the same numbers.

Source: the interface of the centre, docs/centre.md.
"""

from __future__ import annotations

import heapq
import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from firmware_stubs.mixes.stream import Goods
from firmware_stubs.results import one_of, within
from firmware_stubs.rides import Parcel
from firmware_stubs.stub import Message, Piece, Quiet, as_message

ON_BROKER = True  # its link is a broker

_ID = "[A-Za-z0-9_-]{1,64}"
KEPT = 10_000  # advice and records that a node can hear again
_BATCH = 500  # of them in one message
_LOST_MS = 15_000.0  # what was said so long before the broker was lost may not have reached it
_AGAIN_MS = 5000.0  # no node hears all of it more often
_FIRST = {"release": "release", "late_release": "pending", "hold": "hold", "recall": "release"}
_LATER = {"late_release": "release", "recall": "hold"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section. `ahead_s`: so long before it comes it knows of a parcel of a mix."""

    site: str
    ahead_s: float = 4.0
    beat_s: float = 1.0
    scheme: str = "H7"
    authority: str = "BE"

    def __post_init__(self) -> None:
        for key in ("site", "authority"):
            if not re.fullmatch(_ID, getattr(self, key)):
                raise ValueError(f"{key} = {getattr(self, key)!r} is no id: up to 64 characters of A-Z a-z 0-9 _ -")
        within("ahead_s", self.ahead_s, 0, 3600)
        within("beat_s", self.beat_s, 0.1, 3600)
        one_of("scheme", self.scheme, "ICS2", "H7", "UPU", "ACAS")


@dataclass(slots=True, eq=False)
class Word:
    """Advice or a customs record: its topic, what it says, when it was said last (None: not yet), and its number."""

    topic: str
    body: dict[str, Any]
    said: float | None = None
    feed: int = 0


class Centre(Quiet):
    """See `CentreStub`."""

    def __init__(self, settings: Settings, seed: int, now: float, utc_offset_ms: float) -> None:
        """`utc_offset_ms`: UTC minus monotonic time. It needs no seed: all is in the goods."""
        self._settings = settings
        self._utc_offset = utc_offset_ms
        self._since = self._feed = round(now + utc_offset_ms)  # the last number that was given
        self._version = self._feed
        self._connected = False
        self._lost_since = now  # what was said from then on may not have reached the broker
        self._fresh: dict[str, bool] = {}  # by node
        self._out: list[Message] = []
        self._kept: deque[Word] = deque()
        self._named: dict[str, Word] = {}  # advice that is kept, by each of its codes
        self._unsaid: list[Word] = []  # while there is no broker
        self._later: list[tuple[float, str, str]] = []  # when, parcel, status
        self._left: list[tuple[str, str, float]] = []
        self._beat_at = now
        self._again_at = now

    # -- what it hears of the floor

    def announced(self, parcel: Parcel, now: float) -> None:
        """Tell what is known of it."""
        self.tick(now)
        goods = parcel.goods
        if goods is None or goods.customs == "unknown":
            return
        words = [Word("advice", _advice(parcel, goods, self._version))]
        if goods.customs in _FIRST:
            words.append(self._customs(parcel.parcel, _FIRST[goods.customs]))
        self._say(words, now)

    def came(self, parcel: Parcel, now: float) -> None:
        """What customs will say of it later is a matter of time now."""
        self.tick(now)
        if parcel.goods and parcel.goods.customs in _LATER:
            heapq.heappush(self._later, (now + parcel.goods.after_ms, parcel.parcel, _LATER[parcel.goods.customs]))

    def left(self) -> list[tuple[str, str, float]]:
        """For the ledger."""
        left, self._left = self._left, []
        return left

    # -- the broker

    @property
    def attended(self) -> bool:
        """The broker is there, and a node that has said that it believes the feed."""
        return self._connected and any(self._fresh.values())

    def subscriptions(self) -> list[tuple[str, int]]:
        """How the site's nodes are, and what they ask."""
        base = f"hub/v1/{self._settings.site}"
        return [(f"{base}/+/state/node", 1), (f"{base}/ask", 1)]

    def opened(self, now: float) -> None:
        """The broker is there: say what waits, and what may not have reached it."""
        self._connected = True
        doubtful = [word for word in self._kept if word.said is not None and word.said >= self._lost_since]
        unsaid, self._unsaid = self._unsaid, []
        self._publish(doubtful + unsaid, now)
        self._beat_at = now
        self.tick(now)

    def closed(self, now: float) -> None:
        """The broker is gone."""
        self._connected = False
        self._out.clear()
        self._fresh.clear()
        self._lost_since = now - _LOST_MS

    def feed(self, data: Piece, now: float) -> None:
        """A node says how it is, or asks for a code that no advice names."""
        message = as_message(data)
        self.tick(now)
        try:
            body = json.loads(message.payload)
        except ValueError:
            body = None  # the state of a node that is gone for ever is taken away
        heard = body if isinstance(body, dict) else {}
        if message.topic.endswith("/state/node"):
            self._hear_node(message.topic.split("/")[-3], heard, now)
        elif isinstance(code := heard.get("code"), str) and not message.retain:
            advice = self._named.get(code)
            self._out.append(self._message("answer", {"code": code, "advice": advice.body if advice else None}))

    def _hear_node(self, node: str, state: dict[str, Any], now: float) -> None:
        online = state.get("state") == "online"
        self._fresh[node] = fresh = online and state.get("customs_fresh") is True
        if online and not fresh and now >= self._again_at:
            self._again_at = now + _AGAIN_MS
            self._publish([word for word in self._kept if word.said is not None], now)

    def tick(self, now: float) -> None:
        """What customs says later, and the beat."""
        while self._later and self._later[0][0] <= now:
            at, parcel, status = heapq.heappop(self._later)
            self._say([self._customs(parcel, status)], at)
        if self._connected and self._beat_at <= now:
            time_ms = round(now + self._utc_offset)
            head = {"sequence": self._feed, "time_ms": time_ms, "since": self._since + 1}
            self._out.append(self._message("customs/head", head))
            self._beat_at = now + self._settings.beat_s * 1000

    def next_at(self) -> float | None:
        """The next beat, or the next record."""
        due = [self._beat_at] if self._connected else []
        return min(due + [at for at, _, _ in self._later[:1]], default=None)

    def take(self) -> list[Message]:
        """Each message once."""
        out, self._out = self._out, []
        return out

    # -- what it says

    def _customs(self, parcel: str, status: str) -> Word:
        self._feed += 1
        settings = self._settings
        body = {
            "scheme": settings.scheme,
            "authority": settings.authority,
            "subject_kind": "parcel",
            "subject_id": parcel,
            "sequence": self._feed,
            "status": status,
            "raw": f"{settings.scheme}-{status}",
            "feed": self._feed,
        }
        return Word("customs", body, feed=self._feed)

    def _say(self, words: list[Word], now: float) -> None:
        for word in words:
            self._kept.append(word)
            self._named.update(dict.fromkeys(word.body.get("aliases", ()), word))
        while len(self._kept) > KEPT:
            self._forget(self._kept.popleft())
        if self._connected:
            self._publish(words, now)
        else:
            self._unsaid += words

    def _forget(self, word: Word) -> None:
        self._since = max(self._since, word.feed)
        for code in word.body.get("aliases", ()):
            self._named.pop(code, None)

    def _publish(self, words: Iterable[Word], now: float) -> None:
        """The advice first; those of one topic together."""
        for topic in ("advice", "customs"):
            told = [word for word in words if word.topic == topic]
            for word in told:
                if word.said is None and word.feed:
                    self._left.append((word.body["subject_id"], word.body["status"], now))
                word.said = now
            for first in range(0, len(told), _BATCH):
                bodies = [word.body for word in told[first : first + _BATCH]]
                self._out.append(self._message(topic, bodies if len(bodies) > 1 else bodies[0]))

    def _message(self, topic: str, body: object) -> Message:
        return Message(f"hub/v1/{self._settings.site}/{topic}", json.dumps(body).encode())


def _advice(parcel: Parcel, goods: Goods, version: int) -> dict[str, Any]:
    return {
        "parcel": parcel.parcel,
        "version": version,
        "aliases": list(goods.aliases),
        "flow": goods.flow,
        "country": goods.country,
        "postcode": goods.postcode,
        "product": goods.product,
        "customs": "none" if goods.customs == "none" else "required",
        "belongs": {"air_waybill": goods.air_waybill},
        "weight_g": parcel.weight_g,
    }
