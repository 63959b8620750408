"""The floor of the demo: its files, written for any number of lines.

Each line is 24 m of belt at 2.5 m/s: induction eye, scanner tunnel, decision eye, six sort lanes, a supervised bond
lane and, at the end, the supervised exception lane that the PLC falls back to. Lane 3 has a small chute that is emptied
slowly, so it fills up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

SPEED_MM_S = 2500
GAP_MM = 100
LENGTHS_MM = (100, 350)
LENGTH_MM = 24_000
SORT_LANES = 6
NODE = "demo"
MOST_LINES = 16
PLCS = ("telegram", "modbus-tcp", "modbus-rtu", "mqtt_json")
"""What the PLCs can speak, and where: telegrams and Modbus RTU on ptys, Modbus TCP on loopback, JSON at the broker."""

DESTINATIONS = {
    "DE-NORTH": ("L01", "L02"),
    "DE-SOUTH": ("L02", "L01"),
    "FRANCE": ("L03", "L04"),
    "BENELUX": ("L04", "L03"),
    "SOUTH": ("L05", "L06"),
    "REST": ("L06", "L05"),
}
"""destination -> its lanes on every line, in order"""

SOUTH = ("ES", "PT", "IT", "MT", "GR", "CY", "HR", "SI")
BENELUX = ("BE", "NL", "LU")


class TooFast(ValueError):
    """The belts cannot bear the rate; the text is the arithmetic."""


def bearable(lines: int, rate: float) -> None:
    """Raises TooFast when so many parcels a second cannot be put on so many belts."""
    longest = LENGTHS_MM[1] + GAP_MM
    most = SPEED_MM_S / longest
    if rate / lines > most:
        raise TooFast(
            f"{rate:g} parcels/s over {lines} lines is {rate / lines:.2f}/s a line; a belt at {SPEED_MM_S} mm/s "
            f"carries {SPEED_MM_S} / ({LENGTHS_MM[1]} + {GAP_MM}) = {most:.2f}/s when parcels of {LENGTHS_MM[1]} mm "
            f"follow at {GAP_MM} mm; write --rate {int(most * lines)} or less, or --lines {-int(-rate // most)} or more"
        )


def line_names(lines: int) -> list[str]:
    """S1, S2, …"""
    return [f"S{number}" for number in range(1, lines + 1)]


def write(
    folder: Path,
    lines: int,
    rate: float,
    broker: str,
    seed: int,
    site: str = "lgg",
    plc: str = PLCS[0],
    ports: Sequence[int] = (),
) -> Path:
    """Write floor.toml and plan.toml into a folder; the path of the floor file.

    `plc`: one of `PLCS`; `modbus-tcp` needs `ports`, a free one for each line.
    """
    names = line_names(lines)
    (folder / "plan.toml").write_text(_plan(names))
    floor = folder / "floor.toml"
    text = _head(broker, site)
    for number, name in enumerate(names):
        if plc == "mqtt_json":
            sections = _json_plc(name, broker, site)
        elif plc == "telegram":
            sections = _telegram_plc(name, folder)
        else:
            sections = _modbus_plc(name, folder, ports[number] if plc == "modbus-tcp" else None)
        text += _line(name, folder, rate / lines, seed) + sections
    floor.write_text(text)
    return floor


def base(site: str, name: str) -> str:
    """The topic that a line's PLC has at the broker, where it speaks MQTT."""
    return f"floorsim/{site}/{name}"


def _telegram_plc(name: str, folder: Path) -> str:
    link, there = _cable(name, folder)
    names = f'plc = "PL{int(name[1:]):02}"\n'
    return _sections(name, "telegram", link, there, names, f'{names}controller = "HUB"\n')


def _modbus_plc(name: str, folder: Path, port: int | None) -> str:
    """RTU, or TCP on a port of this machine."""
    link, there = _cable(name, folder)
    if port is not None:
        link, there = f"tcp://127.0.0.1:{port}", f"tcp-listen://127.0.0.1:{port}"
    places = ("IND", "T1", "DEC", *(f"L{lane:02}" for lane in range(1, SORT_LANES + 1)), "BOND", "EX")
    numbers = ", ".join(f"{name}-{place} = {number}" for number, place in enumerate(places, 2))
    settings = f"numbers = {{ {numbers} }}\n"
    return _sections(name, "modbus", link, there, settings, settings)


def _json_plc(name: str, broker: str, site: str) -> str:
    url = urlsplit(broker)
    link = f"mqtt://{url.hostname}:{url.port or 1883}"
    settings = f'base = "{base(site, name)}"\n'
    return _sections(name, "mqtt_json", link, link, settings, settings)


def _cable(name: str, folder: Path) -> tuple[str, str]:
    """The links of floord and of the stub at a pty."""
    path = f"{folder}/tty-plc-{int(name[1:])}"
    return f"serial://{path}?baud=115200", f"pty://{path}"


def _sections(name: str, kind: str, link: str, there: str, settings: str, stub_settings: str) -> str:
    """What floord is told of a line's PLC, and its stub."""
    return "".join(
        f'\n[{table}.plc-{int(name[1:])}]\nkind = "{kind}"\nlink = "{where}"\nline = "{name}"\n{more}'
        for table, where, more in (("plc", link, settings), ("stub", there, stub_settings))
    )


def _head(broker: str, site: str) -> str:
    return f"""site = "{site}"
node = "{NODE}"
mode = "simulated"
state_dir = "state"
plan = "plan.toml"

[broker]
url = "{broker}"

[customs]
stale_s = 60
"""


def _line(name: str, folder: Path, rate: float, seed: int) -> str:
    number = int(name[1:])
    lanes = "".join(
        f"""
[lane.{name}-L{lane:02}]
line = "{name}"
position_mm = {5000 + 2000 * lane}
"""
        for lane in range(1, SORT_LANES + 1)
    )
    return f"""
[line.{name}]
kind = "line"
speed_mm_s = {SPEED_MM_S}
length_mm = {LENGTH_MM}
default_lane = "{name}-EX"

[point.{name}-IND]
line = "{name}"
position_mm = 0
induction = true

[point.{name}-T1]
line = "{name}"
position_mm = 1200

[point.{name}-DEC]
line = "{name}"
position_mm = 2000
decision = true
{lanes}
[lane.{name}-BOND]
line = "{name}"
position_mm = 20000
supervised = true

[lane.{name}-EX]
line = "{name}"
position_mm = 22000
roles = ["exception", "overflow"]
supervised = true

[scanner.tunnel-{number}]
kind = "line"
link = "serial://{folder}/tty-tunnel-{number}?baud=115200"
point = "{name}-T1"
window_mm = 120
prefix = "\\u0002"
suffix = "\\u0003"
heartbeat = "HB"

[belt.{name}]
seed = {seed}

[induction.{name}]
point = "{name}-IND"
gap_mm = {GAP_MM}
rate_per_s = {rate}

[chute.{name}-L03]
capacity = 4
empty_every_ms = 3000

[stub.tunnel-{number}]
kind = "line"
link = "pty://{folder}/tty-tunnel-{number}"
point = "{name}-T1"
prefix = "\\u0002"
suffix = "\\u0003"
heartbeat = "HB"
heartbeat_s = 5
"""


def _plan(names: list[str]) -> str:
    rules = [("DE", digits, "DE-NORTH" if digits < 5 else "DE-SOUTH") for digits in range(10)]
    text = 'plan = "demo"\nversion = "1"\nwave = "day"\n'
    for country, digit, destination in rules:
        text += f'\n[[rule]]\ncountry = "{country}"\npostcode = "{digit}"\ndestination = "{destination}"\n'
    for country in ("FR", *BENELUX, *SOUTH):
        destination = "FRANCE" if country == "FR" else "BENELUX" if country in BENELUX else "SOUTH"
        text += f'\n[[rule]]\ncountry = "{country}"\ndestination = "{destination}"\n'
    text += '\n[[rule]]\ndestination = "REST"\n'
    text += '\n[special]\nheld = "BOND"\nunknown = "EXCEPTION"\nno_read = "EXCEPTION"\noverflow = "EXCEPTION"\n'
    chutes = {target: [f"{n}-{lane}" for n in names for lane in lanes] for target, lanes in DESTINATIONS.items()}
    chutes["BOND"] = [f"{n}-{lane}" for n in names for lane in ("BOND", "EX")]
    chutes["EXCEPTION"] = [f"{n}-EX" for n in names]
    text += "\n[waves.day]\n"
    for target, lanes in chutes.items():
        text += f"{target} = [{', '.join(f'{chr(34)}{lane}{chr(34)}' for lane in lanes)}]\n"
    return text
