"""A stub behind a serial device server: RFC 2217 on a listening port.

pyserial's `PortManager` speaks telnet over a port that only remembers what it was set to. The machine on its serial
line does not notice who is connected to the server; a new client replaces the old one.
"""

from __future__ import annotations

import struct
from typing import Any

import serial.rfc2217

from firmware_stubs.stub import Knock, Piece, as_bytes
from firmware_stubs.tcp_wires import TcpWire
from firmware_stubs.wire import Job, Side, say

_SUBOPTION_MOST = 256  # bytes; those of the RFC have less than ten
_SUSPEND, _RESUME = b"\xff\xfa\x2c\x6c\xff\xf0", b"\xff\xfa\x2c\x6d\xff\xf0"
"""FLOWCONTROL-SUSPEND and -RESUME as the server says them (RFC 2217: 8 and 9, and 100 more from the server's side)."""

_HELD_MOST = 4096  # bytes that the server keeps for a machine that takes nothing; then it reads no more


class RememberedPort:
    """A serial port as RFC 2217 sees it: settings that can be written and read, and nothing behind them."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 115_200, 8, "N", 1
        self.xonxoff = self.rtscts = self.break_condition = False
        self.rts = self.dtr = self.cts = self.dsr = self.cd = True
        self.ri = False

    def reset_input_buffer(self) -> None:
        """There is none."""

    def reset_output_buffer(self) -> None:
        """There is none."""


class Rfc2217Wire:
    """The machine's cable ends in the server; what it says while nobody is there is lost."""

    def __init__(self, side: Side) -> None:
        self.port = RememberedPort()
        self._side = side
        self._tcp = TcpWire(Side(self._heard, self._connected, self._knock))
        self._replies = _Replies()
        self._manager: serial.rfc2217.PortManager | None = None
        self._stopped = False
        self._held = bytearray()

    @classmethod
    async def listen(cls, host: str, port: int, side: Side) -> Rfc2217Wire:
        """Port 0 = one that is free, told in `where`. Raises OSError."""
        wire = cls(side)
        await wire._tcp.bind(host, port)
        return wire

    @property
    def where(self) -> str:
        """What the other side opens."""
        return self._tcp.where.replace("tcp:", "rfc2217:", 1)

    @property
    def dropped(self) -> int:
        """Messages that nobody took."""
        return self._tcp.dropped

    def jobs(self) -> list[Job]:
        """None."""
        return []

    def write(self, piece: Piece) -> None:
        """Whole messages; never blocks."""
        self._tcp.write(as_bytes(piece).replace(b"\xff", b"\xff\xff"))

    def hang_up(self) -> None:
        """A serial line has no connection to close."""

    def close(self) -> None:
        """Unplug for ever."""
        self._tcp.close()

    def unplug(self) -> None:
        """The server loses its network: the connection is closed, and new ones refused."""
        self._tcp.unplug()

    async def plug(self) -> None:
        """Listen again."""
        await self._tcp.plug()

    def flow(self, stopped: bool) -> None:
        """The server tells its client to say no more, keeps what it says all the same, and in the end reads no more."""
        self._stopped = stopped
        if self._manager:
            self._tcp.write(_SUSPEND if stopped else _RESUME)
        if not stopped:
            self._tcp.flow(False)
            held, self._held = bytes(self._held), bytearray()
            if held:
                self._side.heard(held)

    def _connected(self, there: bool) -> None:
        self._manager = None
        if there and (hello := self._hello()):
            self._tcp.write(hello)

    def _knock(self, data: bytes, new: bool) -> Knock:
        return Knock(self._hello(), admitted=True)

    def _hello(self) -> bytes:
        self._replies = _Replies()
        self._manager = _manager(self.port, self._replies)
        return self._replies.take() + (_SUSPEND if self._stopped else b"")

    def _heard(self, piece: Piece) -> None:
        manager = self._manager
        if manager is None:
            return
        data = bytearray()
        try:
            for byte in as_bytes(piece):
                for kept in manager.filter(bytes((byte,))):
                    data += kept
                if len(manager.suboption or b"") > _SUBOPTION_MOST:
                    raise ValueError("an endless suboption")
        except (KeyError, TypeError, ValueError, struct.error) as error:  # pyserial checks nothing of what it is sent
            say(f"{self.where}: a client that does not speak RFC 2217 is hung up on ({error!r})")
            self._tcp.hang_up()
            return
        if reply := self._replies.take():
            self._tcp.write(reply)
        if data and self._stopped:
            self._held += data
            if len(self._held) > _HELD_MOST:
                self._tcp.flow(True)
        elif data:
            self._side.heard(bytes(data))


def _manager(port: Any, replies: Any) -> serial.rfc2217.PortManager:
    """pyserial asks for a port and a connection, and uses no more of either than is here."""
    return serial.rfc2217.PortManager(port, replies)


class _Replies:
    """What the server has to say to its client."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        """Called by `PortManager`."""
        self._data += data

    def take(self) -> bytes:
        """All of it, once."""
        data = bytes(self._data)
        self._data.clear()
        return data
