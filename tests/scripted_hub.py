"""A controller as a script, for tests of a telegram PLC: it builds and reads telegrams from PLC interface v1 §3.

No driver and no codec of the project is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_stubs.plcs.telegram import Plc


def crc(text: str) -> str:
    value = 0xFFFF
    for byte in text.encode("ascii"):
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1) ^ 0x1021 if value & 0x8000 else value << 1
            value &= 0xFFFF
    return f"{value:04X}"


def wire(text: str) -> bytes:
    return b"\x02" + text.encode("ascii") + b"\x03"


def build(
    kind: str, flag: str, epoch: int, sequence: int, body: str = "", *, to: str = "PLC1", version: str = "1"
) -> bytes:
    text = f"{version}HUB.{to}{kind}{flag}{epoch:04X}{sequence:04d}{len(body):03d}{body}"
    return wire(text + crc(text))


@dataclass(frozen=True)
class Said:
    kind: str
    flag: str
    epoch: int
    sequence: int
    body: str

    @property
    def evt(self) -> int:
        return int(self.body[:6])


def split(data: bytes) -> list[Said]:
    found = []
    for part in data.split(b"\x02")[1:]:
        assert part.endswith(b"\x03")
        text = part[:-1].decode("ascii")
        assert crc(text[:-4]) == text[-4:]
        assert text[:9] == "1PLC1HUB."
        body = text[25:-4]
        assert int(text[22:25]) == len(body)
        found.append(Said(text[9:13], text[13], int(text[14:18], 16), int(text[18:22]), body))
    return found


def pad(text: str) -> str:
    return text.ljust(12, ".")


class Hub:
    """A scripted controller: answers every request with A and the durable number it is told to have."""

    def __init__(self, plc: Plc, *, epoch: int = 3, term: int = 7, sequence: int = 1) -> None:
        self.plc, self.epoch, self.term, self.sequence = plc, epoch, term, sequence
        self.durable = 0
        self.heard: list[Said] = []

    def ask(self, kind: str, body: str, now: float) -> Said:
        """Send a request and return the answer; what else the PLC says at once is heard, not answered."""
        self.plc.feed(build(kind, "R", self.epoch, self.sequence, body), now)
        self.sequence = self.sequence % 9999 + 1
        answer, *rest = split(self.plc.take())
        self.heard += rest
        assert answer.kind == kind
        return answer

    def syes(self, now: float, durable_epoch: int = 0, durable: int = 0) -> Said:
        return self.ask("SYES", f"{self.term:08d}{durable_epoch:04X}{durable:06d}", now)

    def start(self, now: float, durable_epoch: int = 0, durable: int = 0) -> list[Said]:
        """A session from SYES to SYEN; returns what the PLC said in it."""
        self.heard = []
        assert self.syes(now, durable_epoch, durable).flag == "A"
        said, self.heard = self.heard, []
        return said[:1] + self.listen(now, said[0])

    def answer(self, said: Said, now: float) -> None:
        self.plc.feed(build(said.kind, "A", said.epoch, said.sequence, f"{self.durable:06d}"), now)

    def listen(self, now: float, open_request: Said | None = None) -> list[Said]:
        """Answer requests until the PLC is quiet."""
        self.plc.tick(now)
        heard: list[Said] = []
        for _ in range(10_000):
            if open_request:
                self.answer(open_request, now)
                open_request = None
            said = split(self.plc.take())
            if not said:
                return heard
            (request,) = said
            assert request.flag == "R"
            heard.append(request)
            open_request = request
        raise AssertionError("the PLC does not stop talking")

    def dest(
        self,
        track: int,
        decision: int,
        lanes: list[str],
        now: float,
        flags: str = "-",
        if_none: str = "D",
        point: str = "DEC",
    ) -> str:
        """Send a DEST; returns A or the refusal."""
        head = f"{pad(point)}{track:06d}{decision:04d}PLAN{flags}{if_none}{len(lanes)}"
        answer = self.ask("DEST", head + "".join(map(pad, lanes)), now)
        return answer.body or answer.flag
