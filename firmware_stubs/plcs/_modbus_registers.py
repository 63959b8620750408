"""The registers of a PLC and the functions that read and write them.

Source: PLC interface v1 §4 (registers 0…543 readable, 1024…1295 readable and writable; holding registers), MODBUS
Application Protocol 1.1b3 (functions 3, 6, 16; exceptions 1 illegal function, 2 illegal address, 3 illegal value).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from firmware_stubs.plcs._modbus_frames import SHORT_PDU

STATE, STATE_SIZE = 0, 544  # what the PLC says
EVENTS, EVENT_RING = 16, 32  # records
RESULTS = 528
ORDERS, ORDERS_SIZE = 1024, 272  # what the controller says
CONTROLLER_EPOCH, CONTROLLER_LIFE, DURABLE, COMMAND_HEAD = 1024, 1025, 1026, 1027
DURABLE_EPOCH, TERM, TAKEN = 1028, 1029, 1031
COMMANDS, COMMAND_RING = 1040, 16
COUNT = 65536  # all counters are mod this
_READ, _WRITE_ONE, _WRITE = 3, 6, 16
_READ_MOST, _WRITE_MOST = 125, 123
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3


class Registers:
    """Both areas, each register 0..65535. Addresses are those of the PDU, from 0."""

    def __init__(self) -> None:
        self._state = [0] * STATE_SIZE
        self._orders = [0] * ORDERS_SIZE

    def __getitem__(self, address: int) -> int:
        return self._orders[address - ORDERS] if address >= ORDERS else self._state[address]

    def put(self, address: int, words: Sequence[int]) -> None:
        """The PLC itself writes, in either area."""
        area, start = (self._orders, ORDERS) if address >= ORDERS else (self._state, STATE)
        area[address - start : address - start + len(words)] = words

    def words(self, address: int, count: int) -> list[int] | None:
        """So many registers; None = not all of them exist in one area."""
        for area, start in ((self._state, STATE), (self._orders, ORDERS)):
            if start <= address and address + count <= start + len(area):
                return area[address - start : address - start + count]
        return None

    def is_writable(self, address: int, count: int) -> bool:
        """Whether the controller may write all of these."""
        return address >= ORDERS and address + count <= ORDERS + ORDERS_SIZE

    def clear(self) -> None:
        """All 0: the memory was lost."""
        self._state[:] = [0] * STATE_SIZE
        self._orders[:] = [0] * ORDERS_SIZE


def serve(pdu: bytes, registers: Registers) -> tuple[bytes, bool]:
    """The PDU of the answer to a request of 1 to 253 bytes, and whether it wrote something."""
    function = pdu[0]
    if function == _READ:
        return _read(pdu, registers), False
    if function not in (_WRITE_ONE, _WRITE):
        return _refuse(function, _ILLEGAL_FUNCTION), False
    words = _words_to_write(pdu)
    if words is None:
        return _refuse(function, _ILLEGAL_VALUE), False
    address = int.from_bytes(pdu[1:3], "big")
    if not registers.is_writable(address, len(words)):
        return _refuse(function, _ILLEGAL_ADDRESS), False
    registers.put(address, words)
    return pdu[:SHORT_PDU], True


def _read(pdu: bytes, registers: Registers) -> bytes:
    if len(pdu) != SHORT_PDU:
        return _refuse(_READ, _ILLEGAL_VALUE)
    address, count = struct.unpack(">HH", pdu[1:])
    if not 1 <= count <= _READ_MOST:
        return _refuse(_READ, _ILLEGAL_VALUE)
    words = registers.words(address, count)
    if words is None:
        return _refuse(_READ, _ILLEGAL_ADDRESS)
    return bytes([_READ, 2 * count]) + struct.pack(f">{count}H", *words)


def _words_to_write(pdu: bytes) -> tuple[int, ...] | None:
    """What a request of function 6 or 16 wants to write; None = it does not fit together."""
    if pdu[0] == _WRITE_ONE:
        return struct.unpack(">H", pdu[3:]) if len(pdu) == SHORT_PDU else None
    if len(pdu) < SHORT_PDU + 1:
        return None
    count, size = int.from_bytes(pdu[3:5], "big"), pdu[5]
    if not 1 <= count <= _WRITE_MOST or size != 2 * count or len(pdu) != SHORT_PDU + 1 + size:
        return None
    return struct.unpack(f">{count}H", pdu[6:])


def _refuse(function: int, exception: int) -> bytes:
    return bytes([function | 0x80, exception])
