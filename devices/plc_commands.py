"""What a line's PLC is told, as frozen values (PLC interface v1 §2). Import them from `devices.types`."""

from __future__ import annotations

from devices.value import value


@value
class Destination:
    """DEST: for a track, the lanes in order (1..4). `if_none` = `D` default, `L` next lap, `K` stay on.

    `no_default` forbids the PLC's default lane. `reason` is 4 letters for the PLC's log.
    """

    point: str
    track: int
    decision: int
    reason: str
    lanes: tuple[str, ...]
    if_none: str = "D"
    no_default: bool = False


@value
class Request:
    """CMND: `STOP INHB ENAB BLCK OPEN EMPT ACKN` for an element."""

    element: str
    command: str
    command_id: str


@value
class SetTime:
    """TIME: a label for the machine's log."""

    utc_ms: int


@value
class Lamp:
    """LAMP: the display at a lane. `colour` = `R G B Y W -`, `mode` = `S` steady or `B` blink, `text` at most 8.

    No line on Modbus has it.
    """

    element: str
    colour: str
    mode: str
    text: str = ""
