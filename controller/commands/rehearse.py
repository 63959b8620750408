"""`floord rehearse FLOOR.toml`: a whole daemon in virtual time, on stdin and stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from controller.rehearsal import Piece, Rehearsal
    from devices.types import Item

EXIT_DATA, EXIT_OWN, EXIT_CONFIG = 65, 71, 78
MOST = 4_000_000
"""Characters of a line."""

UTC_MS = 1_790_000_000_000.0
"""2026-09-21T14:13:20Z: without --utc two rehearsals are equal on any day."""

LINES: dict[frozenset[str], str] = {
    frozenset({"up"}): "up",
    frozenset({"down", "why"}): "down",
    frozenset({"port", "hex"}): "bytes",
    frozenset({"port", "topic", "hex"}): "message",
    frozenset({"topic", "hex"}): "centre",
    frozenset({"ask"}): "ask",
    frozenset(): "advance",
}
"""members of a line beside `t` and `retain` -> what it is"""


@click.command("rehearse")
@click.argument("floor_file", metavar="FLOOR.toml", type=click.Path(path_type=Path))
@click.option("--at", type=float, default=0.0, show_default=True, help="Monotonic ms at which it starts.")
@click.option("--utc", "utc_ms", type=float, default=UTC_MS, help="UTC of that moment, in ms since 1970.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of journal id, boot and event ids.")
def command(floor_file: Path, at: float, utc_ms: float, seed: int) -> None:
    r"""Rehearse the floor of FLOOR.toml in virtual time: no wire, no disk, no broker, no clock.

    stdin and stdout carry JSON objects, one a line. First it says what it is:

    \b
      {"rehearsal": 1, "hubfloor": "0.1.0", "site": …, "node": …, "next_at": ms, "subscriptions": ["hub/v1/…", …],
       "ports": {"plc-1": {"link": "serial://…", "devices": ["plc-1"], "subscriptions": []}},
       "said": [], "published": […], "heard": [], "hang_ups": []}

    Then it takes lines; t is monotonic ms and never goes back:

    \b
      {"t": 5.0, "up": "plc-1"}                              a port is open
      {"t": 5.0, "down": "plc-1", "why": "unplugged"}        it is gone
      {"t": 5.0, "port": "plc-1", "hex": "02…"}              bytes of a machine
      {"t": 5.0, "port": "plc-2", "topic": "a/up", "hex": "7b…", "retain": false}    a message of a machine
      {"t": 5.0, "topic": "hub/v1/…", "hex": "7b…", "retain": false}                 a message of the centre
      {"t": 5.0, "ask": {"do": "status"}}                    a request as on the control socket
      {"t": 5.0}                                             time passes until then

    and after each says exactly one line, of what left since the line before:

    \b
      {"next_at": ms or null,                                when it wants to be called next
       "said": [["plc-1", "02…"], ["plc-2", "a/down", "7b…", false]],    to machines: hex; or topic, hex, retain
       "published": [["hub/v1/…", "7b…", false]],            on the centre's broker: topic, hex, retain
       "heard": ["tunnel-1: read text=\"RB…\""],             what was understood of the machines, in words
       "hang_ups": [["plc-1", "why"]],                       connections to be broken: say down, and later up
       "answer": {…}}                                        to a request only

    What happens by itself until t happens first, each at its time. A commit takes 2 ms, the broker accepts everything
    at once, the clock is right. A line that is none ends it with {"error": "line 7: …"} and exit code 65; a wrong
    floor file, said on stderr, with 78.
    """
    from controller.plans import ConfigErrors, load_floor
    from controller.rehearsal import Rehearsal

    try:
        config, plans = load_floor(floor_file, start=True)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        sys.exit(EXIT_CONFIG)
    rehearsal = Rehearsal(config, plans, now=at, utc_ms=utc_ms, seed=seed)
    _say(_head(rehearsal) | _left(rehearsal))
    number = 0
    try:
        while line := sys.stdin.readline(MOST + 1):
            number += 1
            _say(_taken(rehearsal, line))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one
        _say({"error": f"line {number}: {error}"})
        sys.exit(EXIT_DATA)


def _head(rehearsal: Rehearsal) -> dict[str, Any]:
    from controller import __version__

    config = rehearsal.node.config
    ports = {
        port: {
            "link": rehearsal.link(port),
            "devices": list(devices),
            "subscriptions": rehearsal.subscriptions(port),
        }
        for port, devices in rehearsal.ports.items()
    }
    return {
        "rehearsal": 1,
        "hubfloor": __version__,
        "site": config.site,
        "node": config.node,
        "subscriptions": rehearsal.subscriptions(),
        "ports": ports,
    }


def _taken(rehearsal: Rehearsal, line: str) -> dict[str, Any]:
    """Do what a line says; what left. Raises ValueError in words."""
    said = _object(line)
    act = _ACTS.get(LINES.get(frozenset(said) - {"t", "retain"}, ""))
    if act is None:
        raise ValueError(f"no line has the members {', '.join(said)}; floord rehearse --help shows all")
    now = said.get("t")
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise ValueError("t is missing: give monotonic ms, a number")
    if now < rehearsal.now:
        raise ValueError(f"t goes back: {now} after {rehearsal.now}")
    more = act(rehearsal, said, float(now)) or {}
    return _left(rehearsal) | more


def _object(line: str) -> dict[str, Any]:
    if len(line) > MOST:
        raise ValueError(f"longer than {MOST} characters")
    try:
        said = json.loads(line)
    except ValueError:
        raise ValueError(f"no JSON: {line.strip()[:40]!r}") from None
    if not isinstance(said, dict):
        raise ValueError(f"a JSON object is needed, not {line.strip()[:40]!r}")
    return said


def _left(rehearsal: Rehearsal) -> dict[str, Any]:
    return {
        "next_at": rehearsal.next_at(),
        "said": [[port, *_piece(piece)] for port, piece in rehearsal.said()],
        "published": [[topic, payload.hex(), retain] for topic, payload, retain in rehearsal.published()],
        "heard": [meaning(device, item) for device, item in rehearsal.heard()],
        "hang_ups": rehearsal.hang_ups(),
    }


def _piece(piece: Piece) -> list[Any]:
    if isinstance(piece, bytes):
        return [piece.hex()]
    return [piece.topic, piece.payload.hex(), piece.retain]


def meaning(device: str, item: Item) -> str:
    """What was understood, in one line: `tunnel-1: read text="RB419390958CN"`."""
    from controller.commands._texts import json_line
    from controller.described import described

    fields = described(item)
    name = fields.pop("item")
    if fields.get("text") is not None:
        fields.pop("raw")
    words = [f"{key}={json_line(value)}" for key, value in fields.items() if value is not None]
    return f"{device}: {' '.join([name, *words])}"


def _port(rehearsal: Rehearsal, said: Mapping[str, Any], key: str) -> str:
    port = said[key]
    if not isinstance(port, str) or port not in rehearsal.ports:
        raise ValueError(f"no port is called {port!r}; known are {', '.join(rehearsal.ports)}")
    return port


def _hex(said: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(said["hex"])
    except (TypeError, ValueError):
        raise ValueError(f"hex: {str(said['hex'])[:40]!r} is no hex text") from None


def _text(said: Mapping[str, Any], key: str) -> str:
    if not isinstance(said[key], str):
        raise ValueError(f"{key}: give a text, not {said[key]!r}")
    return str(said[key])


def _flag(said: Mapping[str, Any]) -> bool:
    if not isinstance(said.get("retain", False), bool):
        raise ValueError(f"retain: give true or false, not {said['retain']!r}")
    return bool(said.get("retain", False))


def _up(rehearsal: Rehearsal, said: Mapping[str, Any], now: float) -> None:
    rehearsal.link_up(_port(rehearsal, said, "up"), now)


def _down(rehearsal: Rehearsal, said: Mapping[str, Any], now: float) -> None:
    rehearsal.link_down(_port(rehearsal, said, "down"), now, _text(said, "why"))


def _received(rehearsal: Rehearsal, said: Mapping[str, Any], now: float) -> None:
    from devices.types import Message

    port, data = _port(rehearsal, said, "port"), _hex(said)
    on_broker = rehearsal.link(port).startswith(("mqtt:", "mqtts:"))
    if on_broker != ("topic" in said):
        needed = "a topic, for it is on a broker" if on_broker else "no topic, for it is on a cable"
        raise ValueError(f"port {port} needs {needed}")
    piece = Message(_text(said, "topic"), data, retain=_flag(said)) if on_broker else data
    if piece:
        rehearsal.received(port, piece, now)


def _centre(rehearsal: Rehearsal, said: Mapping[str, Any], now: float) -> None:
    rehearsal.message(_text(said, "topic"), _hex(said), now, _flag(said))


def _ask(rehearsal: Rehearsal, said: Mapping[str, Any], now: float) -> dict[str, Any]:
    rehearsal.advance(now)
    request = said["ask"]
    if not isinstance(request, dict):
        raise ValueError(f'ask: give an object such as {{"do": "status"}}, not {request!r}')
    return {"answer": rehearsal.ask(request)}


def _advance(rehearsal: Rehearsal, said: Mapping[str, Any], now: float) -> None:
    rehearsal.advance(now)


_ACTS: dict[str, Callable[[Rehearsal, Mapping[str, Any], float], dict[str, Any] | None]] = {
    "up": _up,
    "down": _down,
    "bytes": _received,
    "message": _received,
    "centre": _centre,
    "ask": _ask,
    "advance": _advance,
}


def _say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
