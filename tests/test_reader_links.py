"""One line with a reader of every kind behind another, `floord run` and `floorsim run` as two processes.

Each parcel rides past all of them, but the handheld: that is at a desk, and is shown each there. Each reader says each
code once, on its own wire, and floord hears it once: nothing is lost or doubled between two programs that were written
apart. A busy machine may hear one too late for the belt; then it is nobody's, and is an event all the same.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller import broker
from controller.journal_reader import Reader
from devices.barcodes.gs1 import check_digit
from devices.driver import kinds, load
from tests.test_plc_links import FLOOR, PARCELS, PLAN, Case, Run, brokers

__all__ = ["brokers"]

STX = 'prefix = "\\u0002"\nsuffix = "\\u0003"\n'
AT_A_DESK = "mqtt_scan"
APART_MM = 300
FIRST_MM = 400


@dataclass(frozen=True)
class OnLine:
    """A kind of reader: its link and its stub's, and the settings of both."""

    kind: str
    link: str = "serial://{folder}/{name}?baud=115200"
    stub_link: str = "pty://{folder}/{name}"
    settings: str = ""
    stub: str = ""


TCP = ("tcp://127.0.0.1:{port}", "tcp-listen://127.0.0.1:{port}")
RFC2217 = ("rfc2217://127.0.0.1:{port}?baud=115200", "rfc2217-listen://127.0.0.1:{port}")
READERS = (
    OnLine("line", settings=STX, stub=STX),
    OnLine("sick_cola", *TCP),
    OnLine("datalogic"),
    OnLine("zebra_ssi"),
    OnLine("dataman", *TCP),
    OnLine("keyence_sr", settings="fixed_lengths = [20]\n"),
    OnLine("honeywell", *RFC2217, "fixed_lengths = [20]\n"),
    OnLine("mda", *TCP),
    OnLine("cubiscan", settings="", stub="gate_measure = true\n"),
    OnLine("mqtt_scan", "{nats}", "{nats}", 'base = "hands"\n', 'base = "hands"\n'),
    OnLine(
        "zebra_fx",
        "{nats}",
        "{nats}",
        'base = "portal"\nsilence_ms = 300\noutside = [1]\ninside = [2]\n',
        'base = "portal"\nreads = 1\nread_ms = 5\noutside = [1]\ninside = [2]\n',
    ),
)
CODES = [f"00{body}{check_digit(body)}" for body in (f"3734003065425{number:04}" for number in range(PARCELS))]


class ReaderRun(Run):
    """The floor of all readers."""

    def _write(self) -> None:
        decision = FIRST_MM + APART_MM * len(READERS)
        text = FLOOR.format(site=self.site, broker=self._center)
        text += (
            f'[line.S1]\nkind = "line"\nspeed_mm_s = 1500\nlength_mm = {decision + 1500}\ndefault_lane = "S1-EX"\n'
            '[point.DESK]\nkind = "presence"\n[point.S1-IND]\nline = "S1"\nposition_mm = 0\ninduction = true\n'
            f'[point.S1-DEC]\nline = "S1"\nposition_mm = {decision}\ndecision = true\n'
            f'[lane.S1-L01]\nline = "S1"\nposition_mm = {decision + 900}\n'
            f'[lane.S1-L02]\nline = "S1"\nposition_mm = {decision + 1100}\n'
            f'[lane.S1-EX]\nline = "S1"\nposition_mm = {decision + 1300}\nroles = ["exception", "overflow"]\n'
            'supervised = true\n[induction.S1]\npoint = "S1-IND"\nrate_per_s = 3\n'
            f'[plc.s1]\nkind = "telegram"\nline = "S1"\nlink = "serial://{self.folder}/plc?baud=115200"\nplc = "PLC1"\n'
            f'[stub.s1]\nkind = "telegram"\nline = "S1"\nlink = "pty://{self.folder}/plc"\nplc = "PLC1"\n'
            'controller = "HUB"\n'
        )
        for number, one in enumerate(READERS):
            places = {**self._places, "name": one.kind, "port": str(broker.free_port())}
            text += f'[point.P{number}]\nline = "S1"\nposition_mm = {FIRST_MM + APART_MM * number}\n'
            for table, link, settings in (("scanner", one.link, one.settings), ("stub", one.stub_link, one.stub)):
                text += f'[{table}.{one.kind}]\nkind = "{one.kind}"\nlink = "{link.format(**places)}"\n'
                if one.kind == AT_A_DESK:
                    text += 'point = "DESK"\n'
                else:
                    text += f'point = "P{number}"\n'
                    text += "window_mm = 240\nlate_mm = 240\n" if table == "scanner" else ""
                text += settings
        self.floor.write_text(text)
        chutes = 'EAST = ["S1-L01", "S1-L02"]\nWEST = ["S1-L02", "S1-L01"]\nEXCEPTION = ["S1-EX"]\n'
        (self.folder / "plan.toml").write_text(PLAN + chutes)

    def _give(self, simulator: subprocess.Popen[bytes], numbers: range) -> None:
        assert simulator.stdin is not None
        for number in numbers:
            entry = {"parcel": f"S1-{number}", "point": "DESK", "codes": [CODES[number]], "after_ms": 100}
            simulator.stdin.write(json.dumps(entry).encode() + b"\n")
        super()._give(simulator, numbers)

    def _codes(self, name: str) -> list[str]:
        return [CODES[int(name.split("-")[1])]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, brokers: dict[str, str]) -> Path:
    """What a run has left behind."""
    if "nats" not in brokers:
        pytest.skip("no nats-server is here")
    place = tmp_path_factory.mktemp("readers")
    run = ReaderRun(Case("readers", "telegram", "", ""), place, brokers)
    outcome = run.ride()
    assert (outcome.simulator, outcome.daemon) == (0, 0)
    assert len(outcome.physical.physical) == PARCELS
    return place


@pytest.fixture(scope="module")
def events(folder: Path) -> list[dict[str, Any]]:
    """Everything in the journal."""
    reader = Reader(folder / "state" / "journal.db")
    try:
        return [json.loads(row.body) for row in reader.since(1)]
    finally:
        reader.close()


def test_every_kind_of_reader_is_here() -> None:
    assert {one.kind for one in READERS} == {
        kind for kind, family in kinds().items() if family in ("scanners", "scales")
    }


@pytest.mark.parametrize("kind", [one.kind for one in READERS if one.kind != "cubiscan"])
def test_each_code_is_heard_once_from_each_reader(kind: str, events: list[dict[str, Any]]) -> None:
    reads = [event["data"] for event in events if event["type"] == "hubfloor.parcel.read.v1"]
    mine = [read for read in reads if read["reader"] == ("HT-01" if kind == AT_A_DESK else kind)]
    assert Counter(read["code"] for read in mine) == Counter(CODES)
    if kind == AT_A_DESK:
        assert {read["point"] for read in mine} == {"DESK"}
        assert {(read["verdict"], read["process"]) for read in mine} == {("ok", "identify")}
        return
    owners = [read["travel"] for read in mine if "travel" in read]
    assert len(set(owners)) == len(owners)
    assert len(owners) > PARCELS * 0.6


@pytest.mark.parametrize("kind", ["mda", "cubiscan"])
def test_what_measures_measures_every_parcel(kind: str, events: list[dict[str, Any]]) -> None:
    measured = [event["data"] for event in events if event["type"] == "hubfloor.parcel.measured.v1"]
    point = f"P{[one.kind for one in READERS].index(kind)}"
    mine = [one for one in measured if one["point"] == point]
    assert len(mine) == PARCELS
    assert all(one["length_mm"] == 100 and one["received"] for one in mine)


def test_no_bytes_were_left_over(folder: Path) -> None:
    log = (folder / "floord.log").read_text()
    assert "driver failed" not in log
    told = [line.split("unproven, ")[1].split(":")[0] for line in log.splitlines() if "unproven, " in line]
    guessing = [one.kind for one in READERS if getattr(load(one.kind), "UNPROVEN", ())]
    assert sorted(told) == sorted(guessing), "what kinds do by guess is a line for each at the start"
