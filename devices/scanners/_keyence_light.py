"""That the light of a reader does not stay on: when LOFF is due, which LOFF nobody asked for, and what became of it."""

from __future__ import annotations

from devices.commands import GONE, SILENT, UNANSWERED, UNWRITTEN
from devices.types import Condition, GivenUp, Item

TRIES = 3
AGAIN_MS = 30_000.0
NOT_READING = "20"
PART = "light"
DARK = "it does not answer LOFF and may be on"
ANSWERS = "LOFF is answered"


class Light:
    """The light of one reader. LOFF without an answer is repeated at once, then each 30 s, and said once; one that the
    port did not take, each 30 s."""

    def __init__(self, on_ms: float) -> None:
        self._on_ms = on_ms
        self.off_at: float | None = None
        """when LOFF is due, ms"""
        self._offs: dict[int, bool] = {}  # number of each LOFF under way -> whether nobody asked for it
        self._tries = 0
        self._dark = False
        self._on = 0  # number of the last LON
        self._ended = self._ended_before = False  # the gate of that one, and the one before, were closed by a read

    def on(self, number: int, now: float, expires: float | None) -> None:
        """LON is on its way."""
        latest = now + self._on_ms
        self.off_at = latest if expires is None else min(latest, expires)
        self._on, self._ended_before, self._ended = number, self._ended, False

    def off(self, number: int, own: bool) -> None:
        """LOFF is on its way; `own` = nobody asked for it."""
        self.off_at = None
        self._offs[number] = own

    def read(self) -> None:
        """A read or a no-read came: in single mode it has closed the gate."""
        self._ended = True

    def opened(self) -> None:
        """Nobody knows what the last channel left."""
        self.off_at, self._tries = None, 0

    def given_up(self, ended: GivenUp) -> list[Item]:
        """A command has ended without an answer; what of it the caller is told."""
        own = self._offs.pop(ended.id, None)
        told: list[Item] = [] if own else [ended]
        if own is None or ended.why in (GONE, UNANSWERED):
            return told
        self._tries += ended.why == SILENT
        ends = any(number > self._on for number in self._offs)  # a LOFF behind the last LON is under way
        if self.off_at is None and not ends:  # else a LON came after it, and has its own end
            again = self._tries >= TRIES or ended.why == UNWRITTEN
            self.off_at = ended.at + (AGAIN_MS if again else 0.0)
        if self._tries >= TRIES and not self._dark:
            self._dark = True
            told.append(Condition(False, DARK, b"", ended.at, PART))
        return told

    def answered(self, number: int, refusal: str | None, at: float) -> tuple[bool, bool, list[Condition]]:
        """An answer came: whether nobody asked for that command, whether its refusal means nothing, what to say."""
        own = self._offs.pop(number, None)
        if own is None:
            return False, False, []
        ended = self._ended if number > self._on else self._ended_before
        closed = refusal is not None and (ended or (own and refusal == NOT_READING))
        dark, self._dark, self._tries = self._dark, False, 0
        return own, closed, [Condition(True, ANSWERS, b"", at, PART)] if dark else []
