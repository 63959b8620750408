"""The floor of the demo: its files, written for any number of lines.

Each line is 24 m of belt at 2.5 m/s: induction eye, scanner tunnel, decision eye, six sort lanes, a supervised bond
lane and, at the end, the supervised exception lane that the PLC falls back to. Lane 3 has a small chute that is emptied
slowly, so it fills up.
"""

from __future__ import annotations

from pathlib import Path

SPEED_MM_S = 2500
GAP_MM = 100
LENGTHS_MM = (100, 350)
LENGTH_MM = 24_000
SORT_LANES = 6
NODE = "demo"
MOST_LINES = 16

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


def write(folder: Path, lines: int, rate: float, broker: str, seed: int, site: str = "lgg") -> Path:
    """Write floor.toml and plan.toml into a folder; the path of the floor file."""
    names = line_names(lines)
    (folder / "plan.toml").write_text(_plan(names))
    floor = folder / "floor.toml"
    floor.write_text(_head(broker, site) + "".join(_line(name, folder, rate / lines, seed) for name in names))
    return floor


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

[plc.plc-{number}]
kind = "telegram"
link = "serial://{folder}/tty-plc-{number}?baud=115200"
line = "{name}"
plc = "PL{number:02}"

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

[stub.plc-{number}]
kind = "telegram"
link = "pty://{folder}/tty-plc-{number}"
line = "{name}"
plc = "PL{number:02}"
controller = "HUB"
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


def unsupervised(lane: str) -> bool:
    """Whether a lane of this floor is not customs-controlled."""
    return not lane.endswith(("-BOND", "-EX"))
