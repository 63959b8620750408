"""`floord run` and `floorsim run` as two processes, once for each kind of PLC on each link that it can have.

The same small floor and the same parcels each time; only `[plc.s1]` and `[stub.s1]` differ. What must come out: every
parcel that the simulated belt inducted has one travel with one terminal event in the journal, in the lane where the
belt's ledger says it lies.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from controller import broker
from controller.commands._where import Unavailable, ask
from controller.demo_ledger import Ledger, Physical
from controller.events import TERMINAL
from controller.journal_reader import Reader

ROOT = Path(__file__).parents[1]
LIMIT_S = 50.0
SIDE_BY_SIDE = 3
PARCELS = 20
NUMBERS = "numbers = { S1-IND = 10, S1-T1 = 11, S1-DEC = 12, S1-L01 = 101, S1-L02 = 102, S1-EX = 199 }\n"

FLOOR = """\
site = "{site}"
node = "n1"
mode = "simulated"
state_dir = "state"
plan = "plan.toml"
[broker]
url = "{broker}"
[customs]
feed = false
"""

LINE = """
[line.{line}]
kind = "line"
speed_mm_s = 2500
length_mm = 4500
default_lane = "{line}-EX"
[point.{line}-IND]
line = "{line}"
position_mm = 0
induction = true
[point.{line}-T1]
line = "{line}"
position_mm = 400
[point.{line}-DEC]
line = "{line}"
position_mm = 700
decision = true
[lane.{line}-L01]
line = "{line}"
position_mm = 3200
[lane.{line}-L02]
line = "{line}"
position_mm = 3700
[lane.{line}-EX]
line = "{line}"
position_mm = 4200
roles = ["exception", "overflow"]
supervised = true
[induction.{line}]
point = "{line}-IND"
rate_per_s = 8
[scanner.tunnel-{line}]
kind = "line"
link = "serial://{folder}/tunnel-{line}?baud=115200"
point = "{line}-T1"
window_mm = 150
late_mm = 150
prefix = "\\u0002"
suffix = "\\u0003"
[stub.tunnel-{line}]
kind = "line"
link = "pty://{folder}/tunnel-{line}"
point = "{line}-T1"
prefix = "\\u0002"
suffix = "\\u0003"
"""

PLAN = """\
plan = "small"
version = "1"
wave = "w1"
[[rule]]
country = "DE"
destination = "EAST"
[[rule]]
destination = "WEST"
[special]
held = "EXCEPTION"
unknown = "EXCEPTION"
no_read = "EXCEPTION"
overflow = "EXCEPTION"
[waves.w1]
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of PLC on a link. `{port}` is a free one, `{folder}` that of the run, `{mosquitto}` and `{nats}` brokers;
    `plc` and `stub` are the settings beside `line`, for each line."""

    name: str
    kind: str
    link: str
    stub_link: str
    plc: tuple[str, ...] = ("",)
    stub: tuple[str, ...] = ()
    killed: bool = False

    @property
    def lines(self) -> list[str]:
        return [f"S{number}" for number, _ in enumerate(self.plc, 1)]


SERIAL, PTY = "serial://{folder}/plc?baud=115200", "pty://{folder}/plc"
TCP, LISTEN = "tcp://127.0.0.1:{port}", "tcp-listen://127.0.0.1:{port}"
NAMES, CONTROLLER = 'plc = "PLC1"\n', 'plc = "PLC1"\ncontroller = "HUB"\n'
BASE = 'base = "plc/{}"\n'  # runs that are side by side share a broker, and no topic
BUS = tuple(f"unit = {unit}\n{NUMBERS.replace('S1-', f'S{unit}-')}" for unit in (1, 2))

CASES = (
    Case("telegram-pty", "telegram", SERIAL, PTY, (NAMES,), (CONTROLLER,)),
    Case("telegram-tcp", "telegram", TCP, LISTEN, (NAMES,), (CONTROLLER,)),
    Case("telegram-called", "telegram", LISTEN, TCP, (NAMES,), (CONTROLLER,)),
    Case(
        "telegram-rfc2217",
        "telegram",
        "rfc2217://127.0.0.1:{port}?baud=115200",
        "rfc2217-listen://127.0.0.1:{port}",
        (NAMES,),
        (CONTROLLER,),
    ),
    Case("modbus-tcp", "modbus", TCP, LISTEN, (NUMBERS,)),
    Case("modbus-tcp-killed", "modbus", TCP, LISTEN, (NUMBERS,), killed=True),
    Case("modbus-rtu", "modbus", SERIAL, PTY, (NUMBERS,)),
    Case("modbus-bus", "modbus", SERIAL, PTY, BUS),
    Case("mqtt-mosquitto", "mqtt_json", "{mosquitto}", "{mosquitto}", (BASE.format("mosquitto"),)),
    Case(
        "mqtt-mosquitto-killed",
        "mqtt_json",
        "{mosquitto}",
        "{mosquitto}",
        (BASE.format("mosquitto-killed"),),
        killed=True,
    ),
    Case("mqtt-nats", "mqtt_json", "{nats}", "{nats}", (BASE.format("nats"),)),
)


@dataclass(slots=True)
class Outcome:
    """What a run left behind."""

    physical: Ledger = field(default_factory=Ledger)
    status: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Any] = field(default_factory=dict)
    """of the status while the last parcels rode"""
    ends: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """travel -> its terminal events"""
    travels: dict[tuple[str, int, int], list[str]] = field(default_factory=dict)
    """line, epoch and track -> travels"""
    simulator: int | None = None
    daemon: int | None = None

    def read(self, journal: Path) -> None:
        """Take what the journal holds now."""
        self.ends, self.travels = {}, {}
        reader = Reader(journal)
        try:
            events = [json.loads(row.body) for row in reader.since(1)]
        finally:
            reader.close()
        for event in events:
            name, data = "/".join(event["type"].split(".")[1:3]), event["data"]
            if name == "parcel/inducted":
                self.travels.setdefault((data["line"], data["epoch"], data["track"]), []).append(data["travel"])
            elif name in TERMINAL:
                self.ends.setdefault(data["travel"], []).append(data)

    def ended(self) -> bool:
        """Whether every parcel in a lane has an end."""
        return all(self.of(name) for name in self.physical.physical)

    def of(self, parcel: str) -> list[dict[str, Any]]:
        """The terminal events of a parcel that the belt inducted."""
        tracks = self.physical.physical[parcel].tracks
        return [end for track in tracks for travel in self.travels.get(track, ()) for end in self.ends.get(travel, ())]


class Run:
    """One floor while it runs. Everything that it started is ended with it."""

    def __init__(self, case: Case, folder: Path, urls: dict[str, str]) -> None:
        self.case, self.folder, self.site = case, folder, f"site-{case.name}"
        self.outcome = Outcome()
        self._places = {**urls, "folder": str(folder), "port": str(broker.free_port())}
        self._center = urls["centre"]
        self._stack = contextlib.ExitStack()
        self._daemon: subprocess.Popen[bytes] | None = None
        self._write()

    @property
    def floor(self) -> Path:
        return self.folder / "floor.toml"

    def _write(self) -> None:
        case = self.case
        text = FLOOR.format(site=self.site, broker=self._center)
        for number, line in enumerate(case.lines):
            text += LINE.format(line=line, folder=self.folder)
            for table, link, settings in (
                ("plc", case.link, case.plc),
                ("stub", case.stub_link, case.stub or case.plc),
            ):
                where = link.format(**self._places)
                text += f'[{table}.{line.lower()}]\nkind = "{case.kind}"\nline = "{line}"\nlink = "{where}"\n'
                text += settings[number]
        self.floor.write_text(text)
        chutes = {"EAST": ("L01", "L02"), "WEST": ("L02", "L01"), "EXCEPTION": ("EX",)}
        lanes = {name: [f"{line}-{lane}" for line in case.lines for lane in found] for name, found in chutes.items()}
        plan = PLAN + "".join(f"{name} = {json.dumps(found)}\n" for name, found in lanes.items())
        (self.folder / "plan.toml").write_text(plan)

    def ride(self) -> Outcome:
        """Let all parcels ride; in a case that is `killed`, over a `kill -9` of floord."""
        with self._stack:
            simulator = self._start_simulator()
            self._start_daemon()
            self._until(self._ready, "a session with each PLC, and the broker")
            self._advise()
            assert simulator.stdin is not None
            half = PARCELS // 2 if self.case.killed else PARCELS
            self._give(simulator, range(half))
            if self.case.killed:
                self._until(lambda: len(self._physical()) >= half // 2, "half of the first parcels")
                assert self._daemon is not None
                self._daemon.kill()
                self._daemon.wait(LIMIT_S)
                self._start_daemon()
                self._until(self._ready, "a session with each PLC after the kill")
                self._give(simulator, range(half, PARCELS))
            self._until(lambda: len(self._physical()) == PARCELS * len(self.case.lines), "all parcels on the belt")
            self._until(self._ready, "sessions while parcels ride")
            self.outcome.links = self.outcome.status["links"]
            simulator.stdin.close()
            self.outcome.simulator = simulator.wait(LIMIT_S)
            self._listener.join(LIMIT_S)
            self._until(self._settled, "an end of every parcel")
            assert self._daemon is not None
            self._daemon.send_signal(signal.SIGTERM)
            self.outcome.daemon = self._daemon.wait(LIMIT_S)
        self.outcome.read(self.folder / "state" / "journal.db")
        return self.outcome

    def _start_simulator(self) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / "floorsim.log").open("wb"))
        command = [sys.executable, "-m", "firmware_stubs", "run", str(self.floor), "--ledger", "-"]
        simulator = self._child(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
        )
        self._listener = threading.Thread(target=self._listen, args=(simulator,), daemon=True)
        self._listener.start()
        return simulator

    def _start_daemon(self) -> None:
        log = self._stack.enter_context((self.folder / "floord.log").open("ab"))
        command = [sys.executable, "-m", "controller", "run", str(self.floor)]
        self._daemon = self._child(subprocess.Popen(command, stderr=log, cwd=ROOT))

    def _child(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        def end() -> None:
            if process.poll() is None:
                process.kill()
                process.wait()

        self._stack.callback(end)
        return process

    def _listen(self, simulator: subprocess.Popen[bytes]) -> None:
        assert simulator.stdout is not None
        with simulator.stdout:
            for line in simulator.stdout:
                self.outcome.physical.belt(json.loads(line))

    def _give(self, simulator: subprocess.Popen[bytes], numbers: range) -> None:
        assert simulator.stdin is not None
        for number in numbers:
            for line in self.case.lines:
                name = f"{line}-{number}"
                entry = {"parcel": name, "line": line, "codes": self._codes(name), "length_mm": 100}
                simulator.stdin.write(json.dumps(entry).encode() + b"\n")
        simulator.stdin.flush()

    def _codes(self, name: str) -> list[str]:
        """What stands on a parcel."""
        return [f"C{name}"]

    def _advise(self) -> None:
        """Advice of all parcels, then a word of customs: when that is known, so is what was said before it."""
        names = [f"{line}-{number}" for line in self.case.lines for number in range(PARCELS)]
        advice = [
            {
                "parcel": name,
                "aliases": self._codes(name),
                "country": ("DE", "FR")[int(name[3:]) % 2],
                "customs": "none",
            }
            for name in names
        ]
        key = {"scheme": "H7", "authority": "BE", "subject_kind": "parcel", "subject_id": "LAST"}
        host, _, port = self._center.removeprefix("mqtt://").partition(":")
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect(host, int(port))
        client.loop_start()
        try:
            for topic, body in (("advice", advice), ("customs", {**key, "sequence": 1, "status": "hold", "feed": 1})):
                client.publish(f"hub/v1/{self.site}/{topic}", json.dumps(body), qos=1).wait_for_publish(LIMIT_S)
        finally:
            client.disconnect()
            client.loop_stop()
        self._until(lambda: bool(self._status() and self.outcome.status["customs"]["records"]), "the advice")

    def _physical(self) -> dict[str, Physical]:
        return self.outcome.physical.physical

    def _status(self) -> bool:
        try:
            answer = next(ask(self.folder / "state", {"do": "status"}), None)
        except (Unavailable, ConnectionError):
            return False
        self.outcome.status = answer or {}
        return bool(answer)

    def _ready(self) -> bool:
        lines = self.outcome.status["lines"].values() if self._status() else ()
        return bool(lines) and all(line["synchronised"] for line in lines) and self.outcome.status["broker"]["online"]

    def _settled(self) -> bool:
        self.outcome.read(self.folder / "state" / "journal.db")
        self._status()
        return self.outcome.ended()

    def _until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something that another process does."""
        pause, deadline = threading.Event(), time.monotonic() + LIMIT_S
        while not done():
            assert time.monotonic() < deadline, f"waited in vain for: {what}\n{self._logs()}"
            assert self._daemon is None or self._daemon.poll() is None, self._logs()
            pause.wait(0.03)

    def _logs(self) -> str:
        return "\n".join((self.folder / f"{name}.log").read_text() for name in ("floorsim", "floord"))


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What there is of brokers: `centre`, `nats` and perhaps `mosquitto`."""
    with contextlib.ExitStack() as stack:
        found = {}
        with contextlib.suppress(broker.BrokerMissing):
            found["nats"] = stack.enter_context(broker.start_nats(tmp_path_factory.mktemp("nats"))).url
        with contextlib.suppress(broker.BrokerMissing):
            found["mosquitto"] = stack.enter_context(broker.start_mosquitto(tmp_path_factory.mktemp("mosquitto"))).url
        if not found:
            pytest.skip("neither nats-server nor mosquitto is here")
        yield {"centre": next(iter(found.values())), **found}


@pytest.fixture(scope="module")
def rides(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, brokers: dict[str, str]
) -> Iterator[dict[str, Future[Outcome]]]:
    """The runs of the cases that were chosen, some side by side."""
    here = [item for item in request.session.items if item.path == request.path]
    chosen = {_params(item).get("case") for item in here}

    def ride(case: Case) -> Outcome:
        return Run(case, tmp_path_factory.mktemp(case.name), brokers).ride()

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {
            case.name: pool.submit(ride, case)
            for case in CASES
            if case in chosen and all(case.link != f"{{{name}}}" or name in brokers for name in ("nats", "mosquitto"))
        }


def _params(item: Any) -> dict[str, Any]:
    """What a test was parametrized with."""
    return item.callspec.params if hasattr(item, "callspec") else {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_parcel_ends_once_in_the_lane_where_it_lies(case: Case, rides: dict[str, Future[Outcome]]) -> None:
    if case.name not in rides:
        pytest.skip(f"its broker is not here: {case.link.strip('{}')}")
    outcome = rides[case.name].result()
    physical = outcome.physical.physical
    assert (outcome.simulator, outcome.daemon) == (0, 0)
    assert len(physical) == PARCELS * len(case.lines)
    assert all(parcel.lane for parcel in physical.values())
    told = {name: [end["lane"] for end in outcome.of(name)] for name in physical}
    assert told == {name: [parcel.lane] for name, parcel in physical.items()}
    assert sum(map(len, outcome.ends.values())) == len(physical)  # and no end of a travel that nobody made
    # The last ones came while everything was up, whatever happened before. A busy machine may read one too late for the
    # belt; it is not trusted then, and goes to the exception lane.
    last = [f"{line}-{number}" for line in case.lines for number in range(PARCELS // 2, PARCELS)]
    wanted = {name: f"{name[:2]}-L0{1 + int(name[3:]) % 2}" for name in last}
    assert all(physical[name].lane in (lane, f"{name[:2]}-EX") for name, lane in wanted.items())
    assert sum(physical[name].lane == lane for name, lane in wanted.items()) > len(last) * 0.6
    assert all(link["up"] for link in outcome.links.values()), outcome.links
    assert all(outcome.links[line.lower()]["frames"] > 3 for line in case.lines)
    assert all(not link["garbled"] for link in outcome.links.values()), outcome.links
