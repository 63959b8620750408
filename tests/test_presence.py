"""What readers say beside codes: conditions, measurements, passages; and results that must outlive a restart."""

from __future__ import annotations

import pytest

from controller import ending, kept
from controller.effects import Emit, Keep
from controller.events import ReadSeen
from controller.floor import Floor
from controller.kept import restore
from controller.measures import of
from controller.spoilt import ROW, Spoilt
from controller.status import status
from devices.codes import PROGRAMMING
from devices.links import Health
from devices.types import Condition, Garbled, NoRead, Passage, Quantity, Read, Sized
from tests.floor_fixture import DOCK, TUNNEL, Bench, advice, ready, ride
from tests.test_node import Daemon

FREE = advice("P1", "FR", customs="none")


def weighed(value: str, unit: str = "g", *, quality: str = "ok", approved: bool | None = True) -> Quantity:
    return Quantity("weight", value, unit, quality, approved)  # type: ignore[arg-type]


def lengths(*values: str, unit: str = "mm", quality: str = "ok") -> tuple[Quantity, ...]:
    names = ("length", "width", "height")
    return tuple(Quantity(name, value, unit, quality) for name, value in zip(names, values, strict=True))  # type: ignore[arg-type]


# --- measurements -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "grams", "status"),
    [
        (weighed("0001250"), 1250, "A"),
        (weighed("12.5", "kg"), 12500, "A"),
        (weighed("12.5", "kg", approved=False), 12500, "U"),
        (weighed("12.5", "kg", approved=None), 12500, "U"),
        (weighed("1.1", "lb"), 499, "A"),
        (weighed("100", "oz"), 2835, "A"),
        (weighed("1.5"), 2, "A"),
        (weighed("2.5"), 2, "A"),
        (weighed("12.5", "st"), None, "E"),
        (weighed("000000000", quality="zeroed"), None, "E"),
        (weighed("-----", "lb", quality="unstable"), None, "E"),
        (weighed("-3"), None, "E"),
        (weighed("NaN"), None, "E"),
        (weighed("1e999999999"), None, "E"),
        (weighed("٣"), None, "E"),
    ],
)
def test_a_weight_is_a_value_or_none(quantity: Quantity, grams: int | None, status: str) -> None:
    found = of(Sized((quantity,), b"", 0.0, record="000417"), "P")
    assert (found.weight_g, found.weight_status, found.size_status) == (grams, status, "E")
    assert found.record_id == "000417"
    assert (found.received[0].value, found.received[0].unit) == (quantity.value, quantity.unit)


@pytest.mark.parametrize(("unit", "mm"), [("mm", 12), ("cm", 120), ("m", 12_000), ("in", 305), ("ft", None)])
def test_units_of_length(unit: str, mm: int | None) -> None:
    assert of(Sized(lengths("12", "12", "12", unit=unit), b"", 0.0), "P").length_mm == mm


def test_a_size_is_approved_as_a_whole() -> None:
    sizes = [Quantity(one.what, one.value, one.unit, "ok", True) for one in lengths("1", "2", "3")]
    assert of(Sized(tuple(sizes), b"", 0.0), "P").size_status == "A"
    sizes[1] = Quantity("width", "2", "mm", "ok", False)
    found = of(Sized(tuple(sizes), b"", 0.0), "P")
    assert (found.size_status, found.record_id) == ("U", None)


def test_a_size_is_whole_or_none() -> None:
    inches = of(Sized(lengths("10.0", "4.0", "2.0", unit="in"), b"", 0.0), "P")
    assert (inches.length_mm, inches.width_mm, inches.height_mm, inches.size_status) == (254, 102, 51, "U")
    bad = lengths("400", "300", "0")[:2] + lengths("0", "0", "0", quality="zeroed")[2:]
    torn = of(Sized(bad, b"", 0.0), "P")
    assert (torn.length_mm, torn.width_mm, torn.height_mm, torn.size_status) == (None, None, None, "E")
    assert [one.quality for one in torn.received] == ["ok", "ok", "zeroed"]


def test_a_tunnel_that_measures_says_it_of_the_item_whose_code_it_read() -> None:
    bench = ready(parcels=(FREE,))
    bench.indu(1)
    bench.after(1200)
    at = bench.now
    bench.item(Read("CP1", b"", at))
    bench.item(Sized((weighed("7000"), *lengths("400", "300", "200")), b"", at))
    said = bench.last("parcel/measured")
    assert (said.travel, said.weight_g, said.length_mm) == (bench.travel().id, 7000, 400)
    assert (bench.travel().weight_g, bench.travel().length_mm) == (7000, 400)


def test_a_measurement_waits_with_its_read_for_the_message_of_its_item() -> None:
    bench = ready(parcels=(FREE,))
    at = bench.now
    bench.item(NoRead(b"", at))
    bench.item(Sized((weighed("7000"),), b"", at))
    assert bench.named("parcel/measured") == []
    bench.after(200)
    bench.indu(1, age=1400)
    said = bench.last("parcel/measured")
    assert (said.travel, said.weight_g) == (bench.travel().id, 7000)


def test_a_measurement_of_nobody_is_said_all_the_same_once() -> None:
    bench = ready()
    at = bench.now
    bench.item(NoRead(b"", at))
    bench.item(Sized((weighed("7000"),), b"", at))
    bench.after(7000)
    [said] = bench.named("parcel/measured")
    assert (said.travel, said.weight_g) == (None, 7000)
    bench.item(Sized((weighed("1", "kg"),), b"", bench.now), DOCK)
    assert bench.last("parcel/measured").point == "DOCK"


def test_a_measurement_goes_where_its_read_goes() -> None:
    bench = ready(parcels=(FREE,))
    bench.indu(1, length=250)
    bench.after(1200)
    bench.item(Read("CP1", b"", bench.now))
    bench.item(Sized((weighed("7000"), *lengths("400", "300", "200")), b"", bench.now))
    bench.arrv(1, length=0)  # it is far ahead of what we thought
    assert bench.travel(1).results == []
    assert (bench.travel(1).weight_g, bench.travel(1).length_mm) == (None, 250)
    assert bench.kept["travel", bench.travel(1).id].weight_g is None  # type: ignore[attr-defined]
    bench.after(100)
    bench.indu(2, age=1300)
    assert [result.code for result in bench.travel(2).results] == ["CP1"]
    assert (bench.travel(2).weight_g, bench.travel(2).length_mm) == (7000, 400)
    assert bench.last("parcel/measured").travel == bench.travel(2).id
    bench.after(7000)
    assert len(bench.named("parcel/measured")) == 2


def test_a_measurement_that_lost_its_item_is_said_of_nobody() -> None:
    bench = ready(parcels=(FREE,))
    bench.indu(1)
    bench.after(1200)
    bench.item(Read("CP1", b"", bench.now))
    bench.item(Sized((weighed("7000"),), b"", bench.now))
    bench.arrv(1)
    bench.after(7000)
    assert [said.travel for said in bench.named("parcel/measured")] == ["S1-jrnl0000-1", None]


def test_a_measurement_is_said_though_the_plc_numbers_its_items_anew() -> None:
    bench = ready('late_mm = 400 => late_mm = 400\nmatch = "index"\nindex_digits = 4', parcels=(FREE,))
    bench.item(NoRead(b"", bench.now, index=5))
    bench.item(Sized((weighed("7000"),), b"", bench.now, index=5))
    bench.session(epoch=8, new=True)
    assert [(said.travel, said.weight_g) for said in bench.named("parcel/measured")] == [(None, 7000)]


# --- passages ---------------------------------------------------------------------------------------------------------


def test_a_passage_is_a_read_with_its_portal() -> None:
    bench = ready(parcels=(FREE,))
    now = bench.now
    tag = Passage("CP1", "30AB", "DOOR-2", "out", now - 900, now - 500, 17, b"", now, -52.5, (1, 2))
    bench.item(tag, DOCK)
    said = bench.last("parcel/read")
    assert (said.parcel, said.source, said.code) == ("P1", "rfid", "CP1")
    assert (said.passage.portal, said.passage.direction, said.passage.count) == ("DOOR-2", "out", 17)
    assert (said.passage.first_ms, said.passage.last_ms, said.passage.antennas) == (900, 500, (1, 2))


# --- conditions -------------------------------------------------------------------------------------------------------


def test_a_reader_that_is_not_well_counts_as_down_until_it_is() -> None:
    bench = ready(parcels=(FREE,))
    bench.item(Condition(False, "nothing heard for 20 s", b"", bench.now))
    assert bench.last("alarm/raised").alarm == "device-tunnel-1"
    assert bench.last("device/degraded").why == "nothing heard for 20 s"
    ride(bench, 1, None)
    bench.item(Condition(True, "its heartbeat is back", b"", bench.now))
    assert bench.last("alarm/cleared").alarm == "device-tunnel-1"
    assert bench.last("device/recovered").device == TUNNEL
    assert not bench.floor.readers[TUNNEL][1].up_since < bench.now
    bench.item(Condition(True, "still", b"", bench.now))
    assert len(bench.named("alarm/cleared")) == 1


def test_one_of_many_terminals_raises_no_alarm() -> None:
    bench = ready()
    bench.item(Condition(False, "offline", b"", bench.now, part="hand-3"), DOCK)
    assert bench.last("device/degraded").why == "hand-3: offline"
    assert bench.named("alarm/raised") == []


def test_a_code_that_would_program_a_scanner_is_said_once() -> None:
    bench = ready()
    for _ in range(3):
        bench.item(Garbled(b"||>SET SYMBOL.C128 OFF", PROGRAMMING, bench.now))
    [alarm] = bench.named("alarm/raised")
    assert alarm.alarm == "programming-code-tunnel-1"
    assert "SYMBOL.C128" in alarm.what
    bench.item(Garbled(b"x", "wrong checksum", bench.now))
    bench.after(3_599_999)
    bench.item(Garbled(b"||>", PROGRAMMING, bench.now))
    assert len(bench.named("alarm/raised")) == 1
    bench.after(1)
    bench.item(Garbled(b"||>SET COM.DMCC", PROGRAMMING, bench.now))
    assert "COM.DMCC" in bench.last("alarm/raised").what, "who comes back months later is told of, too"


# --- a result without an event ----------------------------------------------------------------------------------------


def restarted(bench: Bench) -> Bench:
    """A new floor made of what was kept."""
    again = Floor(bench.config, bench.plan, "jrnl0000", sequence=len(bench.events))
    restore(again, {key: kept.dump(value) for key, value in bench.kept.items()}, same_boot=True)
    after = Bench.of(bench.config, bench.plan)
    after.floor, after.events, after.kept = again, list(bench.events), dict(bench.kept)
    return after


def test_a_result_that_waits_for_its_item_is_kept_until_it_has_its_event() -> None:
    bench = ready(parcels=(FREE,))
    bench.item(Read("CP1", b"", bench.now, token=(1, 1)))
    [(kind, key)] = [one for one in bench.kept if one[0] == "read"]
    assert kind == "read"
    body = bench.kept[kind, key]
    assert isinstance(body, ReadSeen)
    assert (body.code, body.outcome) == ("CP1", "UNCLAIMED")
    bench.after(200)
    bench.indu(1, age=1400)
    assert bench.last("parcel/read").travel == bench.travel().id
    assert not any(kind == "read" for kind, _ in bench.kept)


def test_nothing_is_kept_of_a_result_that_had_its_event_at_once_or_whose_reader_waits_for_nothing() -> None:
    bench = ready(parcels=(FREE,))
    bench.item(Read("CP1", b"", bench.now))
    bench.after(7000)
    ride(bench, 1, None)
    bench.indu(2)
    bench.after(1200)
    bench.item(Read("CP1", b"", bench.now, token=(1, 2)))
    assert bench.last("parcel/read").travel == bench.travel(2).id
    assert not any(kind == "read" for kind, _ in bench.kept)


def test_what_nobody_claims_is_kept_no_longer() -> None:
    bench = ready()
    bench.item(Read("CP1", b"", bench.now, token=(1, 1)))
    bench.after(7000)
    assert bench.last("parcel/read").outcome == "UNCLAIMED"
    assert not any(kind == "read" for kind, _ in bench.kept)


def test_results_that_are_alike_are_each_told_however_many_come_at_once() -> None:
    bench = ready()
    for _ in range(70):
        bench.item(NoRead(b"", bench.now))
    bench.after(7000)
    assert [said.outcome for said in bench.named("parcel/read")] == ["NO_READ"] * 70


def test_a_restart_reports_results_that_had_no_event_once() -> None:
    bench = ready()
    bench.item(Read("CP1", b"", bench.now, token=(1, 1)))
    assert bench.named("parcel/read") == []
    after = restarted(bench)
    effects = ending.orphaned(after.floor, after.now)
    assert [effect.name for effect in effects if isinstance(effect, Emit)] == ["parcel/read"]
    assert [(effect.kind, effect.value) for effect in effects if isinstance(effect, Keep)] == [("read", None)]
    assert ending.orphaned(after.floor, after.now) == []


# --- results that come late -------------------------------------------------------------------------------------------


def test_a_result_that_waited_in_its_reader_is_nobodys_where_the_moment_says_whose_it_is() -> None:
    bench = ready(parcels=(FREE, advice("P2", "FR", customs="none")))
    bench.indu(1)
    bench.after(1200)  # what is read now is heard only when the next one is there
    bench.after(500)
    bench.indu(2)
    bench.after(1200)
    bench.item(Read("CP1", b"", bench.now, token=(1, 1), late=True))
    bench.item(NoRead(b"", bench.now, token=(2, 1), late=True))
    seen = [(read.outcome, read.code, read.travel) for read in bench.named("parcel/read")]
    assert seen == [("AMBIGUOUS", "CP1", None), ("AMBIGUOUS", None, None)]
    assert bench.travel(1).results == bench.travel(2).results == []
    assert not any(kind == "read" for kind, _ in bench.kept)


def test_a_late_result_is_its_items_where_the_reader_says_whose_it_is() -> None:
    bench = ready(
        'late_mm = 400\nprefix = "\\u0002" => late_mm = 400\nmatch = "index"\nindex_digits = 6\nprefix = "\\u0002"',
        parcels=(FREE,),
    )
    bench.indu(1)
    bench.after(3000)
    bench.item(Read("CP1", b"", bench.now, index=1, late=True))
    assert bench.last("parcel/read").travel == bench.travel(1).id


def test_a_late_result_at_a_presence_point_is_like_any_other() -> None:
    bench = ready(parcels=(FREE,))
    bench.item(Read("CP1", b"", bench.now, late=True), DOCK)
    assert bench.last("parcel/read").parcel == "P1"


# --- what stands ------------------------------------------------------------------------------------------------------


def test_a_device_that_is_not_well_stands_in_the_status_until_it_is() -> None:
    daemon = Daemon().up()
    node = daemon.node
    health = {port: Health(up=True) for port in node.ports}
    node._items("tunnel-1", [Condition(False, "silent", b"", daemon.now)], daemon.now)
    node._items("dock-1", [Condition(False, "offline", b"", daemon.now, part="hand-3")], daemon.now)
    assert node.alarms == {"device-tunnel-1": "tunnel-1: silent"}
    links = status(node, health, daemon.now)["links"]
    assert (links["tunnel-1"]["unwell"], links["dock-1"]["unwell"]) == ({"": "tunnel-1: silent"}, {"hand-3": "offline"})
    node._items("tunnel-1", [Condition(True, "back", b"", daemon.now)], daemon.now)
    node._items("dock-1", [Condition(True, "online", b"", daemon.now, part="hand-3")], daemon.now)
    assert node.alarms == {}
    assert [link["unwell"] for link in status(node, health, daemon.now)["links"].values()] == [{}, {}, {}]


def test_what_a_driver_says_by_itself_is_no_sign_that_the_machine_is_understood() -> None:
    spoilt = Spoilt()
    for number in range(ROW):
        spoilt.heard(Garbled(b"x", "noise", float(number)))
    assert not spoilt.heard(Condition(False, "silent", b"", 100.0))
    assert spoilt.alarm
