"""What a PLC understands of JSON messages, for comparing two talks. Source: PLC interface v1 §2 and §5.

Apart are left: session, epoch and numbers of the controller, which count its starts and its requests; `durable_evt`,
which says how far its disk is; TIME, and LIFE, which is said when nothing else was.
"""

from __future__ import annotations

import json
from typing import Any

from firmware_stubs.ears import GARBLED, Number, Told
from firmware_stubs.plcs._json_codec import heard
from firmware_stubs.plcs._messages import FieldError, Fields, Heard
from firmware_stubs.plcs._telegram_ear import BY_ITSELF, meant, word
from firmware_stubs.stub import Message, Piece, as_message
from firmware_stubs.wire_print import printable

DOWN, UP = "/down", "/up"


class JsonEar:
    """An `Ear`. The session is a number, too: every message of the PLC repeats it."""

    def told(self, piece: Piece) -> list[Told]:
        """What the controller says."""
        message = as_message(piece)
        found = heard(message.payload)
        if found is None:
            return [Told(GARBLED, f"garbled {printable(message.payload)} on {message.topic}")]
        if found.flag != "R":
            code = "" if found.flag == "A" else f" {_members(message).get('code')}"
            text = f"{found.flag} to {found.type} {found.epoch} {found.sequence}{code} on {message.topic}"
            return [Told("answers", text, repeats=True)]
        if found.type in BY_ITSELF and found.understood:
            return [Told(found.type, "", answer=_answer(message))]
        request = _request(found, message)
        if found.type != "SYES":
            return [request]
        return [Told("session", "a session", (found.session,), "a session", repeats=True), request]

    def parts(self, piece: Piece) -> list[tuple[Number | None, Piece]]:
        """One message: an answer has session, epoch and number of its request, a request the session."""
        message = as_message(piece)
        found = heard(message.payload)
        if found is None or not message.topic.endswith(UP):
            return [(None, piece)]
        number = (found.session,) if found.flag == "R" else (found.session, found.epoch, found.sequence)
        return [(number, piece)]

    def renumbered(self, part: Piece, number: Number) -> Piece:
        """With another session, and an answer with another number."""
        message = as_message(part)
        changed = dict(zip(("session", "epoch", "seq"), number, strict=False))
        return _message(message.topic, _members(message) | changed)


def _request(found: Heard, message: Message) -> Told:
    fields: Fields
    try:
        fields = found.read()
    except FieldError as error:
        fields, words = {}, f"{error}: {printable(message.payload)}"
    else:
        words = " ".join(f"{name}={word(value)}" for name, value in fields.items())
    about, asks = meant(found.type, fields)
    number = (found.session, found.epoch, found.sequence)
    text = f"{found.type} on {message.topic}: {words}"
    return Told(about, text, number, asks, repeats=True, answer=_answer(message))


def _answer(message: Message) -> Piece:
    """What the PLC says to it."""
    told = _members(message)
    members = {name: told[name] for name in ("v", "session", "type", "flag", "epoch", "seq")}
    return _message(message.topic.removesuffix(DOWN) + UP, members | {"flag": "A"})


def _members(message: Message) -> dict[str, Any]:
    found = json.loads(message.payload)
    return found if isinstance(found, dict) else {}


def _message(topic: str, members: dict[str, Any]) -> Message:
    return Message(topic, json.dumps(members, separators=(",", ":")).encode())
