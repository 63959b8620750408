"""Every kind of fault by its name."""

from __future__ import annotations

from firmware_stubs.faults import belt, cable, device, spelled
from firmware_stubs.faults.kind import Kind

FAULTS: dict[str, Kind] = {kind.name: kind for kind in (*cable.KINDS, *device.KINDS, *spelled.KINDS, *belt.KINDS)}
