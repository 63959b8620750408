"""The messages of a channel as telegrams: what the PLC says, and the fields of what the controller says.

Source: PLC interface v1 §2 (fields in order) and §3 (widths, receiver).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from firmware_stubs.plcs._messages import FieldError, Fields, Heard
from firmware_stubs.plcs._telegram_codec import Deframer, Telegram, frame, report_body, trak_body
from firmware_stubs.plcs._telegram_codec import Fields as Body

_BARE = frozenset({"SYBE", "SYEN", "LIFE"})

# Fields in order: name:kind; t = text, n = number, h = hex, with their width; f = DEST's flags, l = lanes with a count.
_ASKED: dict[str, str] = {
    "SYES": "term:n8 durable_epoch:h4 durable_evt:n6",
    "LIFE": "durable_evt:n6",
    "TIME": "utc_ms:n13",
    "DEST": "point:t12 track:n6 decision:n4 reason:t4 flags:f if_none:t1 lanes:l",
    "CMND": "element:t12 command:t4 command_id:t8",
    "LAMP": "element:t12 colour:t1 mode:t1 text:t8",
}
_FLAGS: dict[str, tuple[str, ...]] = {"-": (), "N": ("N",)}


def _shape(fields: str) -> list[tuple[str, str, int]]:
    named = (field.split(":") for field in fields.split())
    return [(name, kind[0], int(kind[1:] or 1)) for name, kind in named]


_SHAPES = {kind: _shape(fields) for kind, fields in _ASKED.items()}
_TAKEN, _REFUSED = _shape("durable_evt:n6"), _shape("code:t4")


class TelegramCodec:
    """What one PLC says on its line. `small`: the lap is 0 in every message (small profile)."""

    def __init__(self, plc: str, controller: str, baud: int, *, small: bool = False) -> None:
        self._plc = plc
        self._controller = controller
        self._byte_ms = 10_000 / baud
        self._small = small

    def request(self, kind: str, epoch: int, sequence: int, session: int, fields: Fields) -> bytes:
        """A telegram of the PLC; it has no sessions."""
        if kind in _BARE:
            body = ""
        elif kind == "TRAK":
            body = trak_body([item | {"lap": 0} for item in fields["items"]] if self._small else fields["items"])
        else:
            body = report_body(kind, {**fields, "lap": 0} if self._small else fields)
        return frame(self._plc, self._controller, kind, "R", epoch, sequence, body)

    def answer(self, request: Heard, code: str | None) -> bytes:
        """To whom it came from, with his epoch and number."""
        flag, body = ("A", "") if code is None else ("N", f"{code:.<4}")
        return frame(self._plc, request.sender, request.type, flag, request.epoch, request.sequence, body)

    def wire_ms(self, pieces: Sequence[bytes]) -> float:
        """10 bits a character."""
        return sum(map(len, pieces)) * self._byte_ms


class TelegramReader:
    """The telegrams to one PLC in the bytes of one line or connection; others and bad ones are counted.

    `small`: a LAMP is a message that it does not know (small profile).
    """

    def __init__(self, plc: str, gap_ms: float, counts: Counter[str], *, small: bool = False) -> None:
        self._unknown = frozenset({"LAMP"}) if small else frozenset()
        self._receiver = f"{plc:.<4}"
        self._counts = counts
        self._deframer = Deframer(gap_ms, counts)

    def reset(self) -> None:
        """Forget a partial telegram."""
        self._deframer.reset()

    def feed(self, data: bytes, now: float) -> list[Heard]:
        """Bytes, in any split."""
        found = []
        for telegram in self._deframer.feed(data, now):
            if telegram.receiver == self._receiver:
                found.append(heard_of(telegram, known=telegram.type not in self._unknown))
            else:
                self._counts["wrong_receiver"] += 1
        return found


def heard_of(telegram: Telegram, *, known: bool = True) -> Heard:
    """A telegram as the channel takes it."""
    return Heard(
        telegram.type,
        telegram.flag,
        telegram.epoch,
        telegram.sequence,
        telegram.version == "1" and known,
        partial(_fields, telegram),
        sender=telegram.sender,
    )


def _fields(telegram: Telegram) -> Fields:
    body = Body(telegram.body)
    if telegram.flag == "R":
        shape = _SHAPES.get(telegram.type, [])
    else:
        shape = _TAKEN if telegram.flag == "A" else _REFUSED
    return {name: _field(body, kind, width) for name, kind, width in shape}


def _field(body: Body, kind: str, width: int) -> object:
    if kind == "n":
        return body.number(width)
    if kind == "t":
        return body.text(width)
    if kind == "h":
        return body.hex4()
    if kind == "l":
        return tuple(body.text(12) for _ in range(body.number(1)))
    flags = _FLAGS.get(body.text(1))
    if flags is None:
        raise FieldError("flags")
    return flags
