"""One code of a frame -> Read or Garbled; the same judgement for every kind of reader.

A code is opaque: text for the hub, never a command for anybody. It is refused with a control character in it (but GS,
and RS and EOT in an ISO 15434 message), when it is longer than any code can be, and when it is one of the texts that
would program a scanner or a host: those are told apart from other garbage, because somebody should look who printed it.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.barcodes.candidate import control_character, split_aim
from devices.barcodes.text import text_of
from devices.types import Garbled, Read

RAW = 64
"""A Garbled keeps at most so many bytes."""

CONTROL = "a control character in a code"
PROGRAMMING = "a code that would program a scanner"
TOO_LONG = "longer than any code"
WRONG_CHECK = "fails the check"
"""How the reason begins where the check digit that every code has is wrong: something was read, and not right."""

LONGEST = 4296
"""Characters of the longest code that carries text (a QR code in alphanumeric mode)."""

PROGRAMS = ("999999", "||>", "||0:", "||1>", "||1:")
"""Metrologic's text that opens and closes programming (alone); beginnings of Cognex DMCC commands."""


def no_proof(text: str) -> str | None:
    """The frame itself is the proof of its codes."""
    return None


def read_of(
    code: bytes,
    body: bytes,
    at: float,
    *,
    symbology: str = "",
    reader: str = "",
    proof: Callable[[str], str | None] = no_proof,
) -> Read | Garbled:
    """`code`, with or without an AIM identifier in front, found in the frame `body`.

    `symbology` = its AIM identifier where the machine says it in another way. `proof(text)` says why a code without
    its AIM identifier cannot be trusted, None = it can. The caller adds index, encoder and token with `replace`.
    """
    aim, bare = _split(code)
    text, encoding = text_of(bare, aim or symbology)
    why = _why(text) or proof(text)
    if why is not None:
        return Garbled(body[:RAW], why, at)
    return Read(text, body, at, symbology=aim or symbology, reader=reader, encoding=encoding)


def _split(code: bytes) -> tuple[str, bytes]:
    aim, _ = split_aim(code[:4].decode("latin-1"))
    return aim, code[len(aim) :]


def _why(text: str) -> str | None:
    if len(text) > LONGEST:
        return TOO_LONG
    if control_character(text):
        return CONTROL
    return PROGRAMMING if text == PROGRAMS[0] or text.startswith(PROGRAMS[1:]) else None
