"""Room for the file descriptors that so many links need."""

from __future__ import annotations

import resource

OTHERS = 128
"""Journal, broker, control socket, log, and what the interpreter holds."""

OPENING = 32 * 6
"""While they are being opened some ports need six each (devices/serial_link.py)."""


def make_room(links: int) -> str:
    """Raise this process's own limit where it is too low; what is wrong where that may not be, else empty."""
    needed = OTHERS + OPENING + links
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return ""
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):
        allowed = soft
    if allowed >= needed:
        return ""
    return (
        f"{links} links need {needed} file descriptors and this process may have {allowed}: links will stay away; "
        f"write LimitNOFILE={needed} in its unit, or call ulimit -Hn {needed} as root before the start"
    )
