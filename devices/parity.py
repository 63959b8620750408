"""What the kernel puts into the input for damaged bytes, where parity is checked."""

from __future__ import annotations

MARK, SUBSTITUTE = 0xFF, 0x1A


class ParityMarks:
    """Un-escapes what PARMRK puts into the input (termios(3)), across any split."""

    def __init__(self) -> None:
        self.damaged = self.breaks = 0
        self._held = b""

    def reset(self) -> None:
        """Forget half an escape."""
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The bytes as sent, a damaged one and a break as SUB. A NUL that is damaged looks like a break (FF 00 00)."""
        data = self._held + data
        self._held = b""
        out = bytearray()
        start = 0
        while (mark := data.find(MARK, start)) >= 0:
            out += data[start:mark]
            escape = data[mark : mark + 3]
            if escape in (b"\xff", b"\xff\x00"):
                self._held = escape
                return bytes(out)
            if escape[1] == MARK:
                out.append(MARK)
                start = mark + 2
            else:
                out.append(SUBSTITUTE)
                self.damaged += 1
                self.breaks += escape == b"\xff\x00\x00"
                start = mark + 3
        return bytes(out + data[start:])
