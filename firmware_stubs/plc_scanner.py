"""A scanner whose cable ends at the PLC of its line: what it reads, the PLC tells. It has no wire of its own."""

from __future__ import annotations

from firmware_stubs.stub import PlcStub, Quiet


class PlcScanner(Quiet):
    """A `ScannerStub` for the belt; never put on a wire."""

    def __init__(self, plc: PlcStub, point: str) -> None:
        self._plc = plc
        self._point = point
        self._said: list[bytes | None] = []

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """It hands an item's codes to the PLC, by the item's track number; of one without, nobody can say whose."""
        self._said += codes if codes and index else [None] * max(1, len(codes))
        if index:
            self._plc.read(self._point, index, codes, now)

    def said(self) -> list[bytes | None]:
        """What the PLC was given, since the last call."""
        said, self._said = self._said, []
        return said

    def feed(self, data: object, now: float) -> None:
        """Nobody reaches it."""

    def tick(self, now: float) -> None:
        """It does nothing by itself."""

    def next_at(self) -> float | None:
        """Never."""
        return None

    def take(self) -> bytes:
        """Nothing: the PLC speaks for it."""
        return b""
