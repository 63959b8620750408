"""Frames of `[prefix]body[suffix]` and what stands in them; shared by the scanners that speak so.

A suffix of CR, LF or CRLF fits all three. A prefix that codes may contain (printable) proves a frame only when it
stands nowhere else: a frame with another one inside was cut short, or a code holds it, and nobody knows which.
"""

from __future__ import annotations

from devices.framing import RAW, RESTART, Bad, Delimited, Frame, Piece

LINE_ENDS = (b"\r", b"\n", b"\r\n")
TORN = "the prefix inside a frame"


class Lines(Delimited):
    """Frames between prefix and suffix, without the empty ones that an empty line is where there is no prefix.

    `exact`: only the very suffix ends a frame, even where it is a line end.
    """

    def __init__(self, prefix: bytes, suffix: bytes, max_length: int, gap_ms: float, exact: bool = False) -> None:
        line_end = suffix in LINE_ENDS and not exact and not set(prefix) & set(b"\r\n")
        self._printable = prefix if prefix >= b" " else b""
        super().__init__(prefix or None, None if line_end else suffix, max_length, gap_ms)

    def _start_over(self) -> None:
        super()._start_over()
        self._cut = False  # a printable prefix has ended the frame before

    def _step(self, out: list[Piece]) -> bool:
        found: list[Piece] = []
        more = super()._step(found)
        out += (self._judged(piece) for piece in found if isinstance(piece, Bad) or piece.data or self._start)
        return more

    def _judged(self, piece: Piece) -> Piece:
        if isinstance(piece, Frame) and self._printable and (self._cut or self._printable in piece.data):
            piece = Bad(piece.data[:RAW], TORN, piece.at)
        self._cut = isinstance(piece, Bad) and piece.why == RESTART
        return piece
