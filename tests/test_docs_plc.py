"""The pages for builders of PLCs: what they print can be relied on.

The checks of bytes are made here, by hand, so that the code that a builder tests against is not the judge of its own
pages: CRC, length, the fields of bodies, registers, members. Only at the end the driver reads the same telegrams.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller.commands import decode

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text() for name in ("plc", "plc-telegram", "plc-modbus", "plc-mqtt")}
TYPES = (
    "SYES SYBE TRAK SYEN LIFE TIME SPED INDU ARRV CODE MEAS PASS DEST DIVC RCIR LOST GHST HAND STAT BUTN CONT OVFL "
    "CMND LAMP"
).split()
NOT_ON_MODBUS = {"CODE", "MEAS", "LAMP"}
EVENTS = set("INDU ARRV CODE MEAS PASS DIVC RCIR LOST GHST HAND STAT BUTN CONT OVFL".split())
CORE = set("SYES SYBE TRAK SYEN LIFE TIME SPED ARRV DEST DIVC LOST GHST STAT OVFL CMND".split())
DOWN = {"SYES", "TIME", "DEST", "CMND", "LAMP"}


def crc_ccitt(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def crc_modbus(data: bytes) -> int:
    """CRC-16/MODBUS, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def rows(page: str, columns: int) -> Iterator[list[str]]:
    """The rows of all tables of so many columns."""
    for line in PAGES[page].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("| ") else []
        cells = [cell.strip("| ") for cell in cells]
        if len(cells) == columns and not set(line) <= set("|- "):
            yield cells


# --- the list of messages --------------------------------------------------------------------------------------------


def messages() -> dict[str, list[str]]:
    """Type -> direction, class, core or nothing, fields, meaning."""
    found = {}
    for line in PAGES["plc"].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and re.fullmatch(r"`[A-Z]{4}`", cells[0]):
            found[cells[0].strip("`")] = cells[1:]
    return found


def test_the_list_has_every_message_with_its_direction_and_class() -> None:
    listed = messages()
    assert sorted(listed) == sorted(TYPES)
    assert {name for name, cells in listed.items() if cells[1] == "E"} == EVENTS
    assert {name for name, cells in listed.items() if cells[2] == "core"} == CORE
    assert {name for name, cells in listed.items() if cells[0] == "down"} == DOWN
    assert {name for name, cells in listed.items() if cells[0] == "both"} == {"LIFE"}


def test_every_code_of_a_refusal_is_told_from_both_sides() -> None:
    page = PAGES["plc"]
    plc = page[page.index("### When the PLC refuses") : page.index("### When the controller refuses")]
    hub = page[page.index("### When the controller refuses") : page.index("## The smallest PLC")]
    first = r"^\| ((?:`[A-Z]{4}` ?)+)\|"
    assert set(re.findall(r"[A-Z]{4}", " ".join(re.findall(first, plc, re.M)))) == set(
        "NSYN UNKT LATE OLDD LUNK PUNK BUSY MODE OLDC FORM".split()
    )
    assert set(re.findall(r"[A-Z]{4}", " ".join(re.findall(first, hub, re.M)))) == {"NSYN", "BUSY", "FORM"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for path, heading in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", PAGES[page]):
        target = (DOCS / path) if path else DOCS / f"{page}.md"
        assert target.exists(), path
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.M)
            assert heading in {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_the_pages_can_be_found() -> None:
    for page in (ROOT / "README.md", DOCS / "configuration.md"):
        assert re.search(r"\]\((?:docs/)?plc\.md[)#]", page.read_text()), page
    for name in ("plc-telegram", "plc-modbus", "plc-mqtt"):
        assert f"]({name}.md" in PAGES["plc"]


def test_rules_are_numbered_without_a_gap() -> None:
    for page, title, most in (("plc", "## The rules of the channel", 38), ("plc-modbus", "## The rules on Modbus", 18)):
        section = PAGES[page].split(title)[1].split("\n## ")[0]
        assert [int(number) for number in re.findall(r"^(\d+)\. ", section, re.M)] == list(range(1, most + 1))


# --- telegrams -------------------------------------------------------------------------------------------------------


def telegrams() -> list[tuple[str, bytes, str]]:
    """(`P` or `C`, what stands between STX and ETX, the fields written below it) of every telegram on the page."""
    lines = PAGES["plc-telegram"].splitlines()
    found = []
    for number, line in enumerate(lines):
        if match := re.fullmatch(r"([PC]) .*<STX>(.*)<ETX>", line):
            below = ""
            for more in lines[number + 1 :]:
                if not more.startswith("  "):
                    break
                below += " " + more.strip()
            found.append((match[1], match[2].encode("ascii"), below.strip()))
    return found


def layouts() -> dict[str, tuple[str, str]]:
    """Type -> length and body, as the table of bodies has them."""
    found = {}
    for cells in rows("plc-telegram", 3):
        for name in re.findall(r"`([A-Z]{4})`", cells[0]):
            found[name] = cells[1], cells[2]
    return found


def test_every_telegram_has_its_length_and_crc() -> None:
    assert crc_ccitt(b"123456789") == 0x29B1
    found = telegrams()
    assert len(found) > 50
    assert PAGES["plc-telegram"].count("<STX>") == len(found)
    for sender, inner, _ in found:
        text = inner.decode()
        assert len(text) <= 600, text
        assert all(0x20 <= byte <= 0x7E for byte in inner), text
        assert f"{crc_ccitt(inner[:-4]):04X}" == text[-4:], text
        assert text[0] == "1", text
        assert int(text[22:25]) == len(text) - 29, text
        assert (text[1:5], text[5:9]) == (("PLC1", "HUB.") if sender == "P" else ("HUB.", "PLC1")), text
        assert text[9:13] in TYPES, text
        assert re.fullmatch(r"[RAN][0-9A-F]{4}[0-9]{4}", text[13:22]), text


def test_the_fields_below_a_telegram_are_its_body() -> None:
    for _, inner, below in telegrams():
        if below:
            values = re.findall(r"(\w+)=(.*?)(?= \w+=|$)", below)
            assert "".join(value for _, value in values) == inner.decode()[25:-4]


def cut(layout: str, body: str) -> list[tuple[str, str]]:
    """(field, characters) of a body, read by its layout alone; what is left over is a field of no name."""
    found: list[tuple[str, str]] = []
    for field in layout.split(" · "):
        name, sizes = field, [int(width) for width in re.findall(r" (\d+)$", field)]
        if field == "codes" or field == "code, 3 and its text":
            sizes, rest = [], body
            for _ in range(int(found[-1][1]) if field == "codes" else 1):
                sizes.append(3 + int(rest[:3]))
                rest = rest[sizes[-1] :]
        elif field == "lanes, 12 each":
            sizes = [12] * int(found[-1][1])
        for size in sizes:
            found.append((name, body[:size]))
            body = body[size:]
    return [*found, *([("", body)] if body else [])]


NUMBERS = (
    "evt track age left length gap carrier carriers lap decision before behind count grams width height term".split()
)


def test_every_body_is_as_its_layout_says() -> None:
    table = layouts()
    assert set(table) == set(TYPES)
    seen = set()
    for _, inner, _ in telegrams():
        text = inner.decode()
        kind, flag, body = text[9:13], text[13], text[25:-4]
        if flag != "R" or kind in ("TRAK", "LIFE"):
            continue
        seen.add(kind)
        fields = cut(table[kind][1], body)
        assert "".join(value for _, value in fields) == body
        for name, value in fields:
            assert name, (kind, "more than its fields", value)
            width = re.search(r" (\d+)$", name)
            assert not width or len(value) == int(width[1]), (kind, name)
            if name.rsplit(" ", 1)[0] in NUMBERS:
                assert value.isdigit(), (kind, name)
    assert seen == set(TYPES) - {"TRAK", "LIFE"}


def test_lengths_of_bodies_are_the_sums_of_their_fields() -> None:
    for kind, (length, body) in layouts().items():
        if kind in ("TRAK", "LIFE", "SYBE", "SYEN"):
            continue
        widths = [int(width) for width in re.findall(r" (\d+)(?= ·|$)", body)]
        widths += [12] if "lanes, 12 each" in body else []
        widths += [3] if "code, 3 and its text" in body else []
        assert int(length) == sum(widths), kind


def test_every_type_and_every_answer_stands_in_the_exchange() -> None:
    exchange = PAGES["plc-telegram"].split("## A worked exchange")[1].split("## Structured text")[0]
    requests = re.findall(r"^[PC] \w{4} +<STX>.{9}(\w{4})R(\w{4})(\w{4})", exchange, re.M)
    answers = re.findall(r"^[PC] [AN] \w{4} <STX>.{9}(\w{4})[AN](\w{4})(\w{4})", exchange, re.M)
    assert {kind for kind, _, _ in requests} == set(TYPES)
    assert sorted(requests) == sorted(answers)
    assert exchange.count("P LIFE") == exchange.count("C LIFE") == 1


def test_floord_decodes_every_telegram() -> None:
    data = b"".join(b"\x02" + inner + b"\x03" for _, inner, _ in telegrams())
    done = CliRunner().invoke(decode.command, ["telegram"], input=data.hex())
    items = [json.loads(line)["item"] for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert len(items) == len(telegrams())
    assert "garbled" not in items


def test_the_bytes_shown_are_those_of_the_telegram() -> None:
    page = PAGES["plc-telegram"].split("## One request byte by byte")[1].split("## A worked exchange")[0]
    telegram = re.search(r"<STX>(.*?)<ETX>", page)
    assert telegram
    inner, shown = telegram[1], ""
    for digits, text in re.findall(r"^\| ([0-9A-F ]+?)(?: …)? \| `(.+?)` \|", page, re.M):
        assert text.startswith(bytes.fromhex(digits).decode())
        shown += text
    assert shown == inner


def test_the_command_on_the_page_prints_what_it_says() -> None:
    match = re.search(r"printf '\\002(.*?)\\003'.*?\n(\{.*?\})\n", PAGES["plc-telegram"])
    assert match
    done = CliRunner().invoke(decode.command, ["telegram"], input=f"02{match[1].encode().hex()}03")
    assert json.loads(done.stdout) == json.loads(match[2])


# --- Modbus ----------------------------------------------------------------------------------------------------------


def frames() -> list[tuple[str, str, str, bytes]]:
    """(step, `RTU` or `TCP`, `->` or `<-`, bytes) of every frame on the page."""
    block = PAGES["plc-modbus"].split("## A worked poll")[1].split("```")[1]
    found: list[tuple[str, str, str, bytes]] = []
    step = ""
    for line in block.splitlines():
        if match := re.fullmatch(r"(RTU|TCP) (->|<-) +([0-9A-F ]+)", line):
            found.append((step, match[1], match[2], bytes.fromhex(match[3])))
        elif match := re.fullmatch(r" +([0-9A-F ]+)", line):
            *head, data = found[-1]
            found[-1] = (head[0], head[1], head[2], data + bytes.fromhex(match[1]))
        elif line.strip():
            step = line
    return found


def pdu(kind: str, data: bytes) -> bytes:
    """What is left without unit, header and CRC."""
    return data[1:-2] if kind == "RTU" else data[7:]


def test_every_modbus_frame_has_its_crc_or_its_length() -> None:
    assert crc_modbus(b"123456789") == 0x4B37
    found = frames()
    assert len(found) >= 4 * 15
    for step, kind, _, data in found:
        if kind == "RTU":
            assert data[0] == 1, step
            assert struct.unpack("<H", data[-2:])[0] == crc_modbus(data[:-2]), step
        else:
            _, protocol, length, unit = struct.unpack(">HHHB", data[:7])
            assert (protocol, length, unit) == (0, len(data) - 6, 1), step


def test_both_kinds_of_frames_say_the_same_and_the_answers_fit() -> None:
    found = frames()
    for place in range(0, len(found), 4):
        quad = found[place : place + 4]
        assert [(kind, way) for _, kind, way, _ in quad] == [("RTU", "->"), ("RTU", "<-"), ("TCP", "->"), ("TCP", "<-")]
        asked, answered, asked_tcp, answered_tcp = (pdu(kind, data) for _, kind, _, data in quad)
        assert (asked, answered) == (asked_tcp, answered_tcp)
        assert quad[2][3][:2] == quad[3][3][:2]
        _, address, count = struct.unpack(">BHH", asked[:5])
        if answered[0] & 0x80:
            assert answered == bytes([asked[0] | 0x80, 2])
            assert 544 < address + count <= 1024
        elif asked[0] == 3:
            assert (len(answered), answered[1]) == (2 + 2 * count, 2 * count)
        else:
            assert (asked[0], asked[5], len(asked)) == (16, 2 * count, 2 * count + 6)
            assert answered == asked[:5]
            assert 1024 <= address < address + count <= 1296


RECORD_NUMBERS = {
    name: number
    for number, name in enumerate(
        "SYES SYBE SYEN TRAK ARRV DEST DIVC LOST GHST STAT CMND TIME RCIR INDU PASS OVFL HAND BUTN CONT".split(), 1
    )
}


def records() -> dict[str, list[str]]:
    """Type -> the cells of its row: number, ring, and registers 1-2, 3, 4, …, 12, 13 low, 13 high, 14, 15."""
    found = {}
    for line in PAGES["plc-modbus"].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 18 and cells[0].isdigit():
            found[cells[1].strip("`")] = [cells[0], *cells[2:]]
    return found


def test_the_table_of_records_has_every_type_with_its_number() -> None:
    assert {name: int(cells[0]) for name, cells in records().items()} == RECORD_NUMBERS
    assert set(RECORD_NUMBERS) | NOT_ON_MODBUS | {"SPED", "LIFE"} == set(TYPES)
    for name in TYPES:
        assert f"`{name}`" in PAGES["plc-modbus"], name
    assert {name for name, cells in records().items() if cells[1] == "command"} == {"SYES", "DEST", "CMND", "TIME"}


def test_records_of_the_frames_stand_where_the_map_says_and_use_only_fields_of_their_type() -> None:
    table = records()
    named = {int(cells[0]): (name, cells) for name, cells in table.items()}
    seen: dict[str, int] = {}
    found = frames()
    for place in range(0, len(found), 4):
        asked, answered = pdu("RTU", found[place][3]), pdu("RTU", found[place + 1][3])
        _, address, count = struct.unpack(">BHH", asked[:5])
        if count % 16 or address == 0:
            continue
        words = struct.unpack(f">{count}H", answered[2:] if asked[0] == 3 else asked[6:])
        base = 16 if asked[0] == 3 else 1040
        assert (address - base) % 16 == 0
        for start in range(0, count, 16):
            record = words[start : start + 16]
            name, cells = named[record[0]]
            seen[name] = (address - base + start) // 16
            assert cells[1] == ("event" if asked[0] == 3 else "command")
            columns = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13, 14, 15]
            used = {column for column, cell in zip(columns, cells[2:], strict=True) if cell} | {0}
            used |= {2} if cells[2] else set()
            if name in ("SYBE", "SYEN"):
                used.add(7)
            assert {number for number, word in enumerate(record) if word} <= used, name
    assert set(seen) == {"SYES", "SYBE", "SYEN", "TRAK", "STAT", "ARRV", "DEST", "DIVC"}
    numbers = {"SYES": 8, "DEST": 9, "SYBE": 413, "STAT": 416, "SYEN": 417, "ARRV": 418, "DIVC": 419}
    for name, number in numbers.items():
        assert seen[name] == (number - 1) % (16 if name in ("SYES", "DEST") else 32), name


# --- JSON ------------------------------------------------------------------------------------------------------------

HEAD = ["v", "session", "type", "flag", "epoch", "seq"]


def members() -> dict[tuple[str, str], list[str]]:
    """(type, `up` or `down`) -> the members of a request behind the first six."""
    found = {}
    for cells in rows("plc-mqtt", 3):
        if (name := cells[0].strip("`")) in TYPES and cells[1] in ("up", "down"):
            found[name, cells[1]] = re.findall(r"`(\w+)`", cells[2])
    return found


def examples() -> list[tuple[str, dict[str, Any]]]:
    """(`up` or `down`, the object) of every example."""
    block = PAGES["plc-mqtt"].split("## One of each")[1].split("```")[1]
    lines = [line.split(maxsplit=1) for line in block.strip().splitlines()]
    return [(way, json.loads(text)) for way, text in lines]


def test_every_object_has_exactly_the_members_of_its_message() -> None:
    lists = members()
    assert {name for name, _ in lists} == set(TYPES)
    item = lists["TRAK", "up"][1:]
    for way, body in examples():
        wanted = list(lists[body["type"], way]) if body["flag"] == "R" else []
        if body["flag"] == "N":
            wanted = ["code"]
        elif body["flag"] == "A" and way == "down":
            wanted = ["durable_evt"]
        if body["type"] == "TRAK" and body["flag"] == "R":
            wanted = ["items"]
            assert all(list(one) == item for one in body["items"])
        assert list(body) == [*HEAD, *wanted], body
        assert ("evt" in body) == (body["flag"] == "R" and body["type"] in EVENTS), body


def test_every_message_has_an_object_each_way_it_travels() -> None:
    requests = {(body["type"], way) for way, body in examples() if body["flag"] == "R"}
    assert requests == set(members())
    assert {body["flag"] for _, body in examples()} == set("RAN")
    assert len({body["session"] for _, body in examples()}) == 1


def test_numbers_are_integers_and_flags_arrays() -> None:
    for _, body in examples():
        for one in (body, *body.get("items", ())):
            for name, value in one.items():
                if re.search(r"_(ms|mm|g|s)$", name) or name in (
                    "term",
                    "epoch",
                    "seq",
                    "evt",
                    "from_epoch",
                    "encoder",
                ):
                    assert type(value) is int, name
        if "flags" in body:
            assert body["flags"] in ([], ["N"])
        for code in body.get("codes", ()):
            assert all(ord(character) <= 0xFF for character in code)
