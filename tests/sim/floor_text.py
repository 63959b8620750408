"""The floor of the simulation: its files, of parts that can be left out.

Four lines of 24 m at 2.5 m/s, each with its own way of matching reads: `S1` by time with one tunnel, `S2` with two
scanners of two makes at one point, `S3` by the index that the tunnel echoes, `S4` by the belt's encoder. Each has six
sort lanes, a supervised bond lane and the supervised exception lane at its end, which is the PLC's default.

A loop `O1` of 200 carriers and 120 m: two inductions, the second one behind its tunnel, 18 sort lanes, bond and
exception. A lane of `S1` leads to its second induction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

SPEED_MM_S, LENGTH_MM, GAP_MM = 2500, 24_000, 100
SORT_LANES = 6
LOOP, LAP_MM, CARRIERS, LOOP_LANES = "O1", 120_000, 200, 18
PARCELS_PER_HOUR = 20_000
FASTER = 1.4
"""An induction takes so many times what comes on average: else its queue grows without end."""
SITE, NODE = "lgg", "sim"
STALE_S = 20

DESTINATIONS = {
    "DE-NORTH": (1, 2),
    "DE-SOUTH": (2, 1),
    "FRANCE": (3, 4),
    "BENELUX": (4, 3),
    "SOUTH": (5, 6),
    "REST": (6, 5),
}
"""destination -> its sort lanes on every line, in order"""
SOUTH, BENELUX = ("ES", "PT", "IT"), ("NL", "LU", "BE")
ALL = ("S1", "S2", "S3", "S4", LOOP)
STX, ETX = '"\\u0002"', '"\\u0003"'


@dataclass(frozen=True)
class Counters:
    """Where the counters of every PLC stand at the start."""

    epoch: int = 1
    next_sequence: int = 1
    next_evt: int = 1
    next_track: int = 1


AT_THEIR_WRAPS = Counters(epoch=0xFFFF, next_sequence=9_900, next_evt=999_700, next_track=999_900)


PLCS = ("telegram", "modbus-tcp", "modbus-rtu", "modbus-bus", "mqtt_json")
"""modbus-bus: several lines on one serial port, each a unit of its own."""


@dataclass(frozen=True)
class Floor:
    """What the floor has."""

    lines: tuple[str, ...] = ("S1", "S2", "S3", "S4")
    parcels_per_hour: int = PARCELS_PER_HOUR
    loop: bool = True
    index: bool = True
    encoder: bool = True
    containers: bool = True
    open_closure: bool = False
    """the PLC's default lanes of the lines are not supervised: no floor is allowed to be so"""
    durable_first: bool = False
    """answers wait for the disk, on the lines"""
    night_at: str = "14:15"
    """local time of the switch to the night's plan: some minutes after the start"""
    counters: Counters = field(default_factory=Counters)
    paced: bool = False
    """the serial lines of PLCs need their time for each character"""
    plcs: tuple[str, ...] = ("telegram",)
    """what the PLCs speak, of PLCS, one line after the other and again from the first"""
    laps: int = 4
    """so often at most does a parcel go round the loop"""

    @property
    def per_line(self) -> float:
        """Parcels a second at each induction from outside."""
        return self.parcels_per_hour / 3600 / len(self.places)

    @property
    def places(self) -> tuple[str, ...]:
        """Every line and the loop."""
        return (*self.lines, LOOP) if self.loop else self.lines

    def without(self, place: str) -> Floor:
        """The same without a line, or without the loop; on the others as much comes as before."""
        lines = tuple(line for line in self.lines if line != place)
        left = len(lines) + (self.loop and place != LOOP)
        rate = self.parcels_per_hour * left // len(self.places)
        return replace(self, lines=lines, loop=self.loop and place != LOOP, parcels_per_hour=rate)

    def speaking(self, *plcs: str) -> Floor:
        """The same with PLCs that speak these, in turn. On Modbus no container's code can be told."""
        told = not any(plc.startswith("modbus") for plc in plcs)
        return replace(self, plcs=plcs, containers=self.containers and told)

    def lanes(self, line: str) -> tuple[str, ...]:
        """The sort lanes of a line."""
        return tuple(f"{line}-L{lane:02}" for lane in range(1, (LOOP_LANES if line == LOOP else SORT_LANES) + 1))


def write(folder: Path, floor: Floor, seed: int) -> Path:
    """Write floor.toml and plan.toml; the path of the floor file."""
    (folder / "plan.toml").write_text(plan(floor, "day"))
    (folder / "night.toml").write_text(plan(floor, "night"))
    path = folder / "floor.toml"
    text = _head(floor) + "".join(_line(floor, name, seed) for name in floor.lines)
    path.write_text(text + (_loop(floor, seed) if floor.loop else ""))
    return path


def section(table: str, **keys: object) -> str:
    """One table of TOML; texts are quoted, None is left out."""
    text = f"\n[{table}]\n"
    for key, value in keys.items():
        if value is None:
            continue
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, str) and not value.startswith('"'):
            value = f'"{value}"'
        elif isinstance(value, dict):
            value = "{" + ", ".join(f'"{key}" = {one}' for key, one in value.items()) + "}"
        elif isinstance(value, tuple):
            value = "[" + ", ".join(f'"{one}"' for one in value) + "]"
        text += f"{key} = {value}\n"
    return text


def _head(floor: Floor) -> str:
    return (
        f'site = "{SITE}"\nnode = "{NODE}"\nmode = "simulated"\nstate_dir = "state"\nplan = "plan.toml"\n'
        'plans = ["night.toml"]\n'
        + section("broker", url="mqtt://127.0.0.1:1")
        + section("customs", stale_s=STALE_S)
        + section("[switch]", at=floor.night_at, plan="night")
        + section("[switch]", at="06:00", plan="day")
    )


def _line(floor: Floor, name: str, seed: int) -> str:
    encoder = 1000 if floor.encoder and name == "S4" else None
    text = section(f"line.{name}", kind="line", speed_mm_s=SPEED_MM_S, length_mm=LENGTH_MM, default_lane=f"{name}-EX",
                   coast_mm=20, encoder_um=encoder, durable_first=floor.durable_first or None)  # fmt: skip
    text += section(f"point.{name}-IND", line=name, position_mm=0, induction=True)
    text += section(f"point.{name}-T1", line=name, position_mm=1200)
    text += section(f"point.{name}-DEC", line=name, position_mm=2000, decision=True)
    for number, lane in enumerate(floor.lanes(name), 1):
        needs = True if floor.containers and number == 5 else None
        text += section(f"lane.{lane}", line=name, position_mm=5000 + 2000 * number,
                        capacity={3: 12, 5: 30}.get(number), needs_container=needs,
                        rate_per_min={2: 20}.get(number))  # fmt: skip
    if floor.loop and name == "S1":
        text += section("lane.S1-TO", line=name, position_mm=18_500, supervised=True, leads_to=LOOP)
        text += section("transfer.S1-TO", point=f"{LOOP}-IN2", after_ms=2000)
    text += _ends(name, 20_000, 22_000, not floor.open_closure)
    text += section(f"belt.{name}", seed=seed, restart_s=8)
    text += section(
        f"induction.{name}", point=f"{name}-IND", gap_mm=GAP_MM, rate_per_s=round(FASTER * floor.per_line, 4)
    )
    text += section(f"chute.{name}-L03", capacity=4, empty_every_ms=3000)
    return text + _readers(floor, name) + _plc(floor, name)


def number(place: str) -> str:
    """What the cables of a line are numbered with."""
    return "9" if place == LOOP else place[1:]


def _ends(name: str, bond: int, exception: int, supervised: bool = True) -> str:
    roles = ("exception", "overflow")
    text = section(f"lane.{name}-BOND", line=name, position_mm=bond, supervised=True)
    return text + section(f"lane.{name}-EX", line=name, position_mm=exception, roles=roles,
                          supervised=supervised)  # fmt: skip


def _loop(floor: Floor, seed: int) -> str:
    name, tunnel = LOOP, {"prefix": STX, "suffix": ETX, "heartbeat": "HB", "point": f"{LOOP}-T1"}
    text = section(f"line.{name}", kind="loop", speed_mm_s=SPEED_MM_S, length_mm=LAP_MM, default_lane=f"{name}-EX",
                   carriers=CARRIERS, load_max=160, laps_max=floor.laps)  # fmt: skip
    text += section(f"point.{name}-IND", line=name, position_mm=0, induction=True)
    text += section(f"point.{name}-T1", line=name, position_mm=3000)
    text += section(f"point.{name}-DEC", line=name, position_mm=5000, decision=True)
    text += section(f"point.{name}-IN2", line=name, position_mm=60_000, induction=True)
    for number, lane in enumerate(floor.lanes(name)):
        text += section(f"lane.{lane}", line=name, position_mm=9000 + 5000 * number, capacity={2: 6}.get(number))
    text += section(f"chute.{name}-L03", capacity=3, empty_every_ms=6000)
    text += _ends(name, 104_000, 112_000)
    text += section(f"belt.{name}", seed=seed, restart_s=8)
    text += section(
        f"induction.{name}", point=f"{name}-IND", gap_mm=GAP_MM, rate_per_s=round(FASTER * floor.per_line, 4)
    )
    digits = 6 if floor.index else None
    text += section("scanner.tunnel-9", kind="line", link=link("tunnel-9"), match="carrier", index_digits=digits,
                    window_mm=200, **tunnel)  # fmt: skip
    text += section("stub.tunnel-9", kind="line", link=pty("tunnel-9"), heartbeat_s=10, index_digits=digits,
                    index="carrier", **tunnel)  # fmt: skip
    return text + _plc(floor, name)


def _readers(floor: Floor, name: str) -> str:
    tunnel, point, window = f"tunnel-{number(name)}", f"{name}-T1", 120
    real: dict[str, object] = {"prefix": STX, "suffix": ETX, "heartbeat": "HB", "point": point}
    if floor.index and name == "S3":
        real["index_digits"] = 6
    if floor.encoder and name == "S4":
        real["encoder_digits"] = 10
    match = "index" if "index_digits" in real else "encoder" if "encoder_digits" in real else None
    if name == "S1":  # it keeps each code until it is durable, and says it again after 2 s
        text = section(f"scanner.{tunnel}", kind="zebra_ssi", link=link(tunnel), point=point, window_mm=window)
        text += section(f"stub.{tunnel}", kind="zebra_ssi", link=pty(tunnel), point=point, heartbeat_s=10)
    else:
        text = section(f"scanner.{tunnel}", kind="line", link=link(tunnel), window_mm=window,
                       match=match, **real)  # fmt: skip
        text += section(f"stub.{tunnel}", kind="line", link=pty(tunnel), heartbeat_s=10, **real)
    if name == "S2":
        text += section("scanner.side-2", kind="sick_cola", link=link("side-2"), point=point, window_mm=window)
        text += section("stub.side-2", kind="sick_cola", link=pty("side-2"), point=point, heartbeat="HB")
    return text


def _plc(floor: Floor, name: str) -> str:
    device, counters = f"plc-{number(name)}", floor.counters
    kind, _, transport = floor.plcs[floor.places.index(name) % len(floor.plcs)].partition("-")
    keys: dict[str, object] = {"kind": kind, "line": name}
    pace: dict[str, object] = {}
    own: dict[str, object] = {"epoch": counters.epoch, "next_track": counters.next_track}
    url = link(device)
    if kind == "telegram":
        keys["plc"] = f"PL{number(name):0>2}"
        own |= {"controller": "HUB", "next_sequence": counters.next_sequence, "next_evt": counters.next_evt}
    elif kind == "mqtt_json":
        keys["base"], url = f"plc/{name}", "mqtt://127.0.0.1:1"
    else:
        keys |= {"unit": 1, "numbers": _numbers(floor, name), "lines": {line: n for n, line in enumerate(ALL, 1)}}
        own["transport"] = transport
        if transport == "bus":
            keys["unit"], own["transport"], url = int(number(name)), "rtu", link("bus")
        elif transport == "rtu":
            pace["poll_ms"] = 20  # as on TCP: as fast as its wire would cost the simulation much
        if transport == "tcp":
            url = f"tcp://127.0.0.1:{20_000 + int(number(name))}"
        if counters is AT_THEIR_WRAPS:
            own["head"] = 65_000
    stub = url if kind == "mqtt_json" else pty(device)
    return section(f"plc.{device}", link=url, **keys, **pace) + section(f"stub.{device}", link=stub, **keys, **own)


def _numbers(floor: Floor, name: str) -> dict[str, int]:
    """What a PLC calls its points and lanes, on Modbus."""
    points = [f"{name}-{point}" for point in ("IND", "T1", "DEC", *(("IN2",) if name == LOOP else ()))]
    lanes = [*floor.lanes(name), f"{name}-BOND", f"{name}-EX", *(("S1-TO",) if floor.loop and name == "S1" else ())]
    return {place: n for n, place in enumerate((*points, *lanes), 10)}


def link(name: str) -> str:
    """The node's end of a cable."""
    return f"serial:///sim/tty-{name}?baud=115200"


def pty(name: str) -> str:
    """The machine's end."""
    return f"pty:///sim/tty-{name}"


def plan(floor: Floor, name: str) -> str:
    """A sort plan; `night` has the destinations of the lines the other way round."""
    text = f'plan = "{name}"\nversion = "1"\nwave = "w1"\n'
    rules: list[tuple[str, str | None, str]] = [
        ("DE", str(digit), "DE-NORTH" if digit < 5 else "DE-SOUTH") for digit in range(10)
    ]
    rules += [("FR", None, "FRANCE")]
    rules += [(country, None, "BENELUX") for country in BENELUX]
    rules += [(country, None, "SOUTH") for country in SOUTH]
    for country, postcode, target in rules:
        text += section("[rule]", country=country, postcode=postcode, destination=target)
    text += section("[rule]", destination="REST")
    text += section("special", held="BOND", unknown="EXCEPTION", no_read="EXCEPTION", overflow="EXCEPTION")
    chutes = {target: _chutes(floor, target, name) for target in DESTINATIONS}
    chutes["BOND"] = [f"{line}-{lane}" for line in floor.places for lane in ("BOND", "EX")]
    chutes["EXCEPTION"] = [f"{line}-EX" for line in floor.places]
    return text + section("waves.w1", **{target: tuple(lanes) for target, lanes in chutes.items()})


def _chutes(floor: Floor, target: str, plan: str) -> list[str]:
    """The lanes of a destination on all lines. What `REST` is on S1 goes on to the loop."""
    numbers = DESTINATIONS[target] if plan == "day" else DESTINATIONS[target][::-1]
    chutes = [f"{line}-L{lane:02}" for line in floor.lines for lane in numbers]
    if floor.loop:
        if target == "REST" and "S1" in floor.lines:
            chutes = ["S1-TO", *(lane for lane in chutes if not lane.startswith("S1"))]
        chutes += [f"{LOOP}-L{lane + ahead:02}" for ahead in (0, 6, 12) for lane in numbers]
    return chutes
