"""What `floord status` shows: the node in one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from controller.node import Node
from controller.sections import Plc, Scanner


class Health(Protocol):
    """How a link does (devices/serial_link.py, tcp_link.py)."""

    up: bool
    since: float
    last_byte: float | None
    bytes_in: int
    bytes_out: int
    damaged: int
    errors: dict[str, int]
    collisions: int
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
            "url": node.broker,
            "why": node.broker_why,
            "queued": node.outbox.queued,
            "oldest": node.outbox.oldest,
            "quarantined": node.outbox.quarantined,
            "refused_messages": dict(node.errors),
            "consumers": {
                name: {"sequence": one.sequence, "heard_ms": round(now - one.heard_at), "lacks": one.gone}
                for name, one in node.upward.repair.consumers.items()
            },
            "published_again": node.upward.repair.published,
            "acks_of_other_journals": node.upward.strange_acks,
        },
        "links": {name: _link(node, name, links[port], now) for port, names in node.ports.items() for name in names},
        "lines": {
            name: {
                "session": line.in_session,
                "synchronised": line.synchronised,
                "state": line.state,
                "speed_mm_s": line.odometer.speed,
                "running": line.odometer.running,
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
    device: Scanner | Plc = node.config.plc[name] if name in node.config.plc else node.config.scanner[name]
    entry = {
        "kind": device.kind,
        "link": device.link,
        "up": health.up,
        "since_ms": round(now - health.since),
        "last_byte_ms": None if health.last_byte is None else round(now - health.last_byte),
        "bytes_in": health.bytes_in,
        "bytes_out": health.bytes_out,
        "damaged": health.damaged,
        "line_errors": dict(health.errors),
        "collisions": health.collisions,
        "reopened": health.reopened,
        "why": health.why,
        "frames": counters.frames,
        "garbled": dict(counters.garbled),
        "noted": dict(counters.noted),
        "spoilt": [
            {"age_ms": round(now - one.at), "why": one.why, "raw": one.raw.hex(), "reader": one.reader}
            for one in node.spoilt[name].last
        ],
        "unwell": dict(node.floor.unwell.get(name, {}))
        | ({"": alarm} if (alarm := node.floor.standing.get(f"device-{name}")) else {}),
        "replies": [
            {"age_ms": round(now - one.at), "verb": one.verb, "text": one.text} for one in node.replies[name].values()
        ],
    }
    return entry | ({"session": _session(node, name, device.line)} if isinstance(device, Plc) else {})


def _session(node: Node, name: str, line_name: str) -> dict[str, Any]:
    """Of a PLC: how far the session is, both epochs, and up to which event everything is durable."""
    line = node.floor.lines[line_name]
    epoch, evt = node.channels.get(name, (0, 0))
    return {
        "line": line_name,
        "session": line.in_session,
        "synchronised": line.synchronised,
        "travels": len(line.travels),
        "epoch": line.epoch,
        "our_epoch": node.boot,
        "durable_epoch": epoch,
        "durable_evt": evt,
    }
