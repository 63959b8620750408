"""Commands on their way through the command ring of 16 (PLC interface v1 §4): waiting, written, announced, answered.

A command is in force when its number is in register 1027, which is written after its record. So what must not be sent
any more can be taken back between the two. After a write of 1027 that was not answered nobody knows; then 1027 is read
back before a command whose time is over is written again, or given up (rule 8 of PLC interface v1 §2).

Numbers of commands are counted mod 65536, as in the registers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from devices.plcs._modbus_records import Record
from devices.plcs._outbox import Outbox, Waiting
from devices.plcs._taken import newer
from devices.value import value

PLACES = 16
WRAP = 0xFFFF
DECISIONS = 9999
BUSY_MS = 300.0
GivenUps = list[tuple[int, str]]


@value
class Placed:
    """A command that stands in the ring, or is to; `command` None = SYES."""

    command: Waiting | None
    record: Record


def place(number: int) -> int:
    """Where in the ring command `number` stands."""
    return (number - 1) % PLACES


class Commands:
    """What `send` gave, and where it is."""

    def __init__(self, most_in_one_write: int) -> None:
        self._most = most_in_one_write
        self._outbox = Outbox(DECISIONS)
        self._flying: dict[int, Waiting] = {}
        """taken out of the outbox and neither answered nor given up"""
        self._busy: list[tuple[float, Waiting]] = []
        """not taken by the PLC, and when they are tried again"""
        self.head = 0
        """the last command in force"""
        self.placed: list[Placed] = []
        """in force and not answered, `head` is the number of the last one"""
        self.batch: list[Placed] = []
        """to be put in force next, from `head` + 1 on"""
        self.stage = "record"
        """of the batch: its `record`s are to be written, or 1027 to `announce` it, or that was done and nobody knows
        (`unsure`)"""

    # --- for the rules of the channel ---------------------------------------------------------------------------------

    def put(self, command: Waiting) -> GivenUps:
        """Queue a command; returns (id, why) of what is given up for it, perhaps itself."""
        overtaken = []
        if command.type == "DEST":
            for other in self._destinations(command.fields["track"]):
                if newer(other.fields["decision"], command.fields["decision"], DECISIONS):
                    return [(command.id, "a newer decision is queued")]
                overtaken.append(other)
        given_up = self._outbox.put(command)
        if any(number == command.id for number, _ in given_up):
            return given_up
        return self._give_up(overtaken, "overtaken by a newer decision") + given_up

    def left(self, track: int) -> GivenUps:
        """The track has ended: give up its destinations."""
        why = "the track has ended"
        return self._give_up(self._destinations(track), why) + self._outbox.left(track)

    def expire(self, now: float) -> GivenUps:
        """Give up what must not be sent (again) at `now`; what the PLC did not take is queued anew when it is time."""
        over = [c for c in self._flying.values() if c.expires is not None and now >= c.expires]
        given_up = self._give_up(over, "its time is over") + self._outbox.expire(now)
        again = [command for at, command in self._busy if at <= now and command.id in self._flying]
        self._busy = [(at, command) for at, command in self._busy if at > now]
        for command in again:
            del self._flying[command.id]
            given_up += self._outbox.put(command)
        return given_up

    def clear(self, why: str) -> GivenUps:
        """Give up everything."""
        given_up = self._give_up(list(self._flying.values()), why) + self._outbox.clear(why)
        self._busy.clear()
        self.placed, self.batch, self.stage = [], [], "record"
        return given_up

    def next_expiry(self) -> float | None:
        """When `expire` will have something to do."""
        times = [c.expires for c in self._flying.values()] + [at for at, _ in self._busy]
        return min((at for at in (*times, self._outbox.next_expiry()) if at is not None), default=None)

    def _destinations(self, track: int) -> list[Waiting]:
        return [c for c in self._flying.values() if c.type == "DEST" and c.fields["track"] == track]

    def _give_up(self, commands: Sequence[Waiting], why: str) -> GivenUps:
        for command in commands:
            del self._flying[command.id]
        return [(command.id, why) for command in commands]

    # --- the ring -----------------------------------------------------------------------------------------------------

    def wants(self, allowed: Collection[str]) -> bool:
        """There is something to write, and room for it."""
        return bool(self.batch) or (len(self.placed) < PLACES and self._outbox.holds(allowed))

    def prepare(self, allowed: Collection[str]) -> None:
        """Take out of the batch what is given up, where that may be; make a batch of what waits if there is none."""
        if self.stage == "unsure":
            return
        if any(self._is_given_up(one) for one in self.batch):
            self.batch = [one for one in self.batch if not self._is_given_up(one)]
            self.stage = "record"
        if not self.batch:
            self.stage = "record"
            first = place(self.head + 1)
            room = min(PLACES - len(self.placed), PLACES - first, self._most)
            while len(self.batch) < room and (command := self._outbox.next(allowed)) is not None:
                self._flying[command.id] = command
                self.batch.append(Placed(command, command.fields["record"]))

    def place_syes(self, record: Record) -> None:
        """SYES is the next command."""
        self.batch, self.stage = [Placed(None, record)], "record"

    @property
    def must_ask(self) -> bool:
        """1027 is to be read back: it may be in force, and something of it must not be written again."""
        return self.stage == "unsure" and any(self._is_given_up(one) for one in self.batch)

    @property
    def next_head(self) -> int:
        """1027 with the batch."""
        return (self.head + len(self.batch)) & WRAP

    def announced(self) -> None:
        """The batch is in force."""
        self.head = self.next_head
        self.placed += self.batch
        self.batch, self.stage = [], "record"

    def read_back(self, head: int) -> None:
        """1027 as it stands in the PLC."""
        if head == self.next_head:
            self.announced()
        else:
            self.stage = "record"

    @property
    def first(self) -> int:
        """The number of the oldest command in force that is not answered."""
        return (self.head - len(self.placed) + 1) & WRAP

    def is_open(self, one: Placed) -> bool:
        """Its answer is still of interest."""
        return one.command is not None and one.command.id in self._flying

    def answered(self, one: Placed) -> None:
        """The first in force has its answer."""
        del self.placed[0]
        if one.command is not None:
            self._flying.pop(one.command.id, None)

    def busy(self, one: Placed, now: float) -> None:
        """The first in force was not taken: it is to be written again as a new command."""
        del self.placed[0]
        if one.command is not None:
            self._busy.append((now + BUSY_MS, one.command))

    def _is_given_up(self, one: Placed) -> bool:
        return one.command is not None and one.command.id not in self._flying
