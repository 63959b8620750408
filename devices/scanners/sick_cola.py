"""`sick_cola`: SICK CLV6xx and Lector scanners: results, heartbeat and commands on one channel, CoLa-A or CoLa-B.

Results, no-read text and heartbeat are free text of the scanner's output format and share the channel with the answers
to commands. In CoLa-A nothing but our own question tells an answer from a code that reads like one: `sAN mTCgateon 1`
is an answer while that command is open, or shortly after it was given up, and a code at any other time. A frame of
CoLa-B is always a telegram. The frames are in `_cola`, what they say in `_cola_telegrams`.
Proof: STX and ETX, which no code contains, or the XOR.

Sources: SICK manuals Bulkscan LMS511 (8014829), LMS4000, TiM781 and picoScan120 (frames, verbs, SCdevicestate, DIornr);
CLV62x to CLV65x (mTCgateon, mTCgateoff: 1 done, 0 refused); Lector620 and CLV410 (output format, heartbeat); SICK
Visionary CoLaError (error codes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devices.alive import Silence, Standing
from devices.commands import SILENT, Commands
from devices.driver import Framed, earliest
from devices.framing import Frame
from devices.scanners._cola import ColaFrames, encode
from devices.scanners._cola_telegrams import ERROR, ERRORS, EVENT, UNKNOWN, Telegram, telegram
from devices.scanners._content import Content, beat_of
from devices.types import (
    Answered,
    Command,
    CommandSeen,
    DeviceError,
    EventSeen,
    GivenUp,
    Item,
    Kept,
    Reply,
    Trigger,
)

TAKES = (Trigger,)
UNPROVEN = (
    "SCdevicestate and DIornr are read in the manuals of SICK's LiDARs; a CLV or Lector that does not know "
    "them answers sFA, and is not asked again until the channel opens anew.",
    "the text of the heartbeat has no known default.",
)

HARD_LIMIT = 65535

STATE, IDENTITY = "SCdevicestate", "DIornr"
STATES = {0: "it is busy, or somebody is logged in", 1: None, 2: "it reports an error of its own"}
STRANGE = "it reports a state without a known meaning"
DEAF = "it does not answer"


@dataclass(frozen=True)
class Settings:
    """`dialect` of our commands: `a` or `b`; both are understood. One character of the texts is one byte on the wire.

    `no_read` are whole frames, an empty frame is a no-read too. `heartbeat`: its text, or a regular expression for all
    of it, empty = none; `heartbeat_s`: something is heard at least so often, 0 = not expected. `separator` stands
    between several codes of one frame. `max_length` = bytes in a frame. Silence of `gap_ms` discards a partial frame. A
    command without answer for `answer_ms` is given up. `state_s`: ask for the device's state so often, 0 = never.
    `identify`: ask for its order number at the opening.
    """

    dialect: str = "a"
    no_read: tuple[str, ...] = ("NoRead",)
    heartbeat: str = "HB"
    heartbeat_s: float = 0.0
    separator: str = ""
    max_length: int = 4096
    gap_ms: float = 500.0
    answer_ms: float = 1000.0
    state_s: float = 0.0
    identify: bool = False


class _Ear(Framed):
    """Frames become items. Raises ValueError for settings that cannot work."""

    def __init__(self, settings: Settings) -> None:
        if settings.dialect not in ("a", "b"):
            raise ValueError(f'dialect = {settings.dialect!r}: write "a" for CoLa-A or "b" for CoLa-B')
        if not 1 <= settings.max_length <= HARD_LIMIT:
            raise ValueError(f"max_length = {settings.max_length}: write a number from 1 to {HARD_LIMIT}")
        for name in ("heartbeat_s", "state_s"):
            if not getattr(settings, name) >= 0:
                raise ValueError(f"{name} = {getattr(settings, name)}: write a number of seconds, 0 = never")
        super().__init__(ColaFrames(settings.max_length, settings.gap_ms))
        self._settings = settings
        self._content = Content(settings.no_read, beat_of(settings.heartbeat), settings.separator)

    def _frame(self, frame: Frame) -> Sequence[Item]:
        said = telegram(frame)
        if said is None or not self._believes(said, frame.at):
            return self._content.items(frame.data, frame.at)
        return self._said(said, frame)

    def _believes(self, said: Telegram, at: float) -> bool:
        """Whether it is a telegram, and not a code that reads like one."""
        return True

    def _said(self, said: Telegram, frame: Frame) -> list[Item]:
        if said.kind == ERROR:
            return [DeviceError(said.text, ERRORS.get(said.number() or 0, UNKNOWN), frame.data, frame.at)]
        if said.kind == EVENT:
            return [EventSeen(said.verb, said.text, frame.data, frame.at)]
        if said.is_command():
            return [CommandSeen(said.verb, said.text, frame.data, frame.at)]
        return [Reply(said.verb, said.text, frame.data, frame.at)]


class Sniffer(_Ear):
    """What both sides say on a wire: whatever reads like a telegram is one."""

    def close(self, now: float) -> Sequence[Item]:
        """Half a frame is garbled."""
        return self.closed(now)


class Driver(_Ear):
    """Read, NoRead, Heartbeat; Reply, EventSeen, DeviceError, Condition; Garbled. Takes Trigger."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._commands = Commands(settings.answer_ms)
        self._silence = Silence(settings.heartbeat_s * 1000)
        self._standing = Standing()
        self._own: dict[int, str] = {}  # our own questions: number -> name
        self._ask_at: float | None = None  # for its state

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: nothing of the last one counts. Asks for identity and state where that is set."""
        super().opened(now, kept)
        self._silence.opened(now)
        if self._settings.identify:
            self._ask(IDENTITY, now)
        self._ask_at = now if self._settings.state_s else None
        self._ask_state(now)

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Trigger -> `sMN mTCgateon` or `mTCgateoff`."""
        if not isinstance(command, Trigger):
            raise TypeError(f"sick_cola takes no {type(command).__name__}, only Trigger")
        method = f"mTCgate{'on' if command.on else 'off'}"
        frame = encode(f"sMN {method}".encode(), self._settings.dialect)
        return self._commands.add(f"sAN {method}", frame, now, expires)

    def tick(self, now: float) -> Sequence[Item]:
        """Discard a partial frame after silence, give up commands without an answer, ask for the state."""
        items = [*super().tick(now), *self._given_up(self._commands.tick(now))]
        self._ask_state(now)
        return [*items, *self._standing.heard(self._silence.tick(now))]

    def next_at(self) -> float | None:
        """Whatever is due first."""
        return earliest(super().next_at(), self._commands.next_at(), self._ask_at, self._silence.next_at())

    def take(self) -> bytes:
        """The next command, when the one before is answered."""
        return self._commands.take()

    def closed(self, now: float) -> Sequence[Item]:
        """A partial frame is garbled, commands are given up."""
        items = [*super().closed(now), *self._given_up(self._commands.closed(now))]
        self._own.clear()
        self._ask_at = None
        self._silence.closed()
        return items

    # --- what it hears ------------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame) -> Sequence[Item]:
        return [*self._standing.heard(self._silence.heard(frame.at, frame.data)), *super()._frame(frame)]

    def _believes(self, said: Telegram, at: float) -> bool:
        return said.binary or self._commands.expects(None if said.kind == ERROR else said.verb, at)

    def _said(self, said: Telegram, frame: Frame) -> list[Item]:
        items = super()._said(said, frame)
        if said.kind == ERROR:
            ended = self._commands.answered(None, said.text, frame.at)
        elif isinstance(items[0], Reply):
            refusal = None if said.number() != 0 else said.text
            ended = self._commands.answered(said.verb, refusal, frame.at)
        else:
            return items
        asked = self._own.pop(ended[0].id, None) if ended else None
        return [*items, *ended] if asked is None else self._told(asked, said, items, frame)

    def _told(self, asked: str, said: Telegram, items: list[Item], frame: Frame) -> list[Item]:
        """The answer to a question of our own; one about the state is said only when the state changes."""
        well = self._standing.say("answer", None, frame.data, frame.at)
        if asked == IDENTITY or said.kind == ERROR:
            return [*well, *items]
        self._ask_at = frame.at + self._settings.state_s * 1000
        number = said.number()
        wrong = STRANGE if number is None else STATES.get(number, STRANGE)
        return [*well, *self._standing.say("state", wrong, frame.data, frame.at)]

    # --- what it asks -------------------------------------------------------------------------------------------------

    def _ask(self, name: str, now: float) -> None:
        frame = encode(f"sRN {name}".encode(), self._settings.dialect)
        self._own[self._commands.add(f"sRA {name}", frame, now, None)] = name

    def _ask_state(self, now: float) -> None:
        if self._ask_at is not None and now >= self._ask_at:
            self._ask_at = None
            self._ask(STATE, now)

    def _given_up(self, ended: Sequence[GivenUp | Answered]) -> list[Item]:
        """Commands that were given up, without our own questions."""
        items: list[Item] = []
        for end in ended:
            asked = self._own.pop(end.id, None)
            if asked is None:
                items.append(end)
                continue
            if asked == STATE:
                self._ask_at = end.at + self._settings.state_s * 1000
            if isinstance(end, GivenUp) and end.why == SILENT:
                items += self._standing.say("answer", f"{DEAF} sRN {asked}", b"", end.at)
        return items
