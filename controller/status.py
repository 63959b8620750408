"""What `floord status` shows: the node in one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from controller.node import Node


class Health(Protocol):
    """How a link does (devices/serial_link.py, tcp_link.py)."""

    up: bool
    since: float
    last_byte: float | None
    bytes_in: int
    bytes_out: int
    reopened: int
    why: str


def status(node: Node, links: Mapping[str, Health], now: float) -> dict[str, Any]:
    """Links, lines, lanes, journal and broker as they are now; moments are given as ms ago.

    `links`: port -> its health, which counts for each device on it.
    """
    floor = node.floor
    return {
        "site": node.config.site,
        "node": node.config.node,
        "mode": node.config.mode,
        "boot": node.boot,
        "journal": node.origin.journal,
        "sequence": floor.sequence,
        "plan": floor.plan.label,
        "customs": {
            "expected": node.config.customs.feed,
            "fresh": floor.book.fresh(now),
            "position": floor.book.position,
            "records": len(floor.book.records),
        },
        "broker": {
            "online": node.online,
            "queued": node.outbox.queued,
            "oldest": node.outbox.oldest,
            "quarantined": node.outbox.quarantined,
            "refused_messages": dict(node.errors),
        },
        "links": {name: _link(node, name, links[port], now) for port, names in node.ports.items() for name in names},
        "lines": {
            name: {
                "session": line.in_session,
                "synchronised": line.synchronised,
                "state": line.state,
                "speed_mm_s": line.odometer.speed,
                "travels": len(line.travels),
                "inhibited": line.inhibited,
            }
            for name, line in floor.lines.items()
        },
        "lanes": {
            name: {
                "state": lane.state,
                "on_way": lane.on_way,
                "drops": lane.drops,
                "supervised": lane.config.supervised,
            }
            for name, lane in floor.lanes.items()
        },
        "late": floor.late,
    }


def _link(node: Node, name: str, health: Health, now: float) -> dict[str, Any]:
    counters = node.drivers[name].counters
    return {
        "up": health.up,
        "since_ms": round(now - health.since),
        "last_byte_ms": None if health.last_byte is None else round(now - health.last_byte),
        "bytes_in": health.bytes_in,
        "bytes_out": health.bytes_out,
        "reopened": health.reopened,
        "why": health.why,
        "frames": counters.frames,
        "garbled": dict(counters.garbled),
        "noted": dict(counters.noted),
    }
