"""What goes wrong: each kind a small class with a name, a rate and an end. All are found by importing this package."""

from __future__ import annotations

from tests.sim.faults import broker, cables, centre, commands, daemon, machines, physical
from tests.sim.faults.base import Fault

KINDS: dict[str, Fault] = {
    fault.name: fault
    for module in (broker, cables, centre, commands, daemon, machines, physical)
    for fault in module.FAULTS
}
