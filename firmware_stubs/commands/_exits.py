"""Exit codes of commands that simulate, by what went wrong."""

from __future__ import annotations

from firmware_stubs.api.sockets import BusyError
from firmware_stubs.coupling import LockstepError
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.rehearsed_child import ChildError
from firmware_stubs.sections import FloorError
from firmware_stubs.wire import PortError

FAILED = 1
EXITS: dict[type[Exception], int] = {
    PortError: 69,
    BusyError: 75,
    FloorError: 78,
    FaultError: 78,
    ChildError: 78,
    LockstepError: 78,
}
