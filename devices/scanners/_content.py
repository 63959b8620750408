"""What stands in a scanner's frame: one or several codes, the no-read text, the heartbeat text.

All three are free text of the scanner's configuration on one channel, told apart by exact comparison of bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.codes import no_proof, read_of
from devices.types import Garbled, Heartbeat, NoRead, Read


def wire(name: str, text: str) -> bytes:
    """A text of the settings as it stands on the wire, one byte a character; ValueError names the setting."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{name} = {text!r}: only characters up to \\u00ff, each is one byte on the wire") from None


class Content:
    """Bodies of frames -> items. `proof(code)` says why a code cannot be trusted, None = it can."""

    def __init__(
        self,
        no_read: tuple[str, ...],
        heartbeat: str,
        separator: str,
        proof: Callable[[str], str | None] = no_proof,
    ) -> None:
        self._no_read = {b"", *(wire("no_read", text) for text in no_read)}
        self._heartbeat = wire("heartbeat", heartbeat)
        self._separator = wire("separator", separator)
        self._proof = proof

    def items(self, body: bytes, at: float, frame: bytes | None = None) -> list[Read | NoRead | Heartbeat | Garbled]:
        """What one frame says; an empty one says that nothing was read. `frame` = all of it, where `body` is a part."""
        raw = body if frame is None else frame
        if body and body == self._heartbeat:
            return [Heartbeat(raw, at)]
        parts = body.split(self._separator) if self._separator else [body]
        codes = [part for part in parts if part not in self._no_read]
        if body in self._no_read or not codes:
            return [NoRead(raw, at)]
        return [read_of(code, raw, at, proof=self._proof) for code in codes]
