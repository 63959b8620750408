"""Exit codes of what cannot be simulated as it was asked for."""

from __future__ import annotations

from firmware_stubs.api.sockets import BusyError
from firmware_stubs.coupling import LockstepError
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.rehearsed_child import ChildError
from firmware_stubs.sections import FloorError
from firmware_stubs.wire import PortError

FAILED, UNAVAILABLE, BUSY, WRONG = 1, 69, 75, 78
_CODES: dict[type[Exception], int] = {
    PortError: UNAVAILABLE,
    BusyError: BUSY,
    FloorError: WRONG,
    FaultError: WRONG,
    ChildError: WRONG,
    LockstepError: WRONG,
}


def code_of(error: Exception) -> int:
    """What a command ends with because of this error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), FAILED)
