"""What stands in a scanner's frame: one or several codes, the no-read text, the heartbeat text.

All three are free text of the scanner's configuration on one channel, told apart by exact comparison of bytes; a
heartbeat that says a number or a time each time anew is described by a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from devices.codes import no_proof, read_of
from devices.driver import wire
from devices.types import Garbled, Heartbeat, NoRead, Read


def beat_of(text: str) -> re.Pattern[bytes] | None:
    """What a whole heartbeat looks like, from the setting of that name: itself, or the regular expression that it is.

    None when it is empty. Raises ValueError.
    """
    if not text:
        return None
    raw = wire("heartbeat", text)
    try:
        return re.compile(b"(?s:%b)|%b" % (raw, re.escape(raw)))
    except re.error as error:
        raise ValueError(
            f"heartbeat = {text!r}: no regular expression: {error}; "
            "write a backslash before each of ( ) [ ] { } * + ? | ^ $ . that means itself"
        ) from None


class Content:
    """Bodies of frames -> items. `proof(code)` says why a code cannot be trusted, None = it can."""

    def __init__(
        self,
        no_read: tuple[str, ...],
        heartbeat: str | re.Pattern[bytes] | None,
        separator: str,
        proof: Callable[[str], str | None] = no_proof,
    ) -> None:
        self._no_read = {b"", *(wire("no_read", text) for text in no_read)}
        if isinstance(heartbeat, str):
            heartbeat = re.compile(re.escape(wire("heartbeat", heartbeat)))
        self._heartbeat = heartbeat
        self._separator = wire("separator", separator)
        self._proof = proof

    def items(self, body: bytes, at: float, frame: bytes | None = None) -> list[Read | NoRead | Heartbeat | Garbled]:
        """What one frame says; an empty one says that nothing was read. `frame` = all of it, where `body` is a part."""
        raw = body if frame is None else frame
        if body and self._heartbeat and self._heartbeat.fullmatch(body):
            return [Heartbeat(raw, at)]
        parts = body.split(self._separator) if self._separator else [body]
        codes = [part for part in parts if part not in self._no_read]
        if body in self._no_read or not codes:
            return [NoRead(raw, at)]
        return [read_of(code, raw, at, proof=self._proof) for code in codes]
