"""Who may import whom, and what may be called where: the arrows of the layout as functions over source text.

A rule takes one parsed module and returns its complaints. `test_layers.py` runs every rule over the tree, and every
rule over a small bad text, so that a rule that has gone blind is seen. Imports for type checkers only, imports inside
functions and `import_module` with a literal count like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TypeAlias

CODE = ("controller", "devices", "firmware_stubs")
LINKS = (
    *(f"devices/{name}_link.py" for name in ("serial", "tcp", "mqtt", "rfc2217", "fd")),
    *(f"devices/mqtt_{name}.py" for name in "client connection tls watch".split()),
    "devices/lasting.py",
    *(f"devices/serial_{name}.py" for name in ("counts", "ports")),
)
FAMILIES = tuple(f"devices/{family}/" for family in ("scanners", "plcs", "scales", "robots"))
FAMILY_MAY = tuple(
    f"devices.{name}"
    for name in "types plc_types scan_types plc_commands driver framing barcodes codes alive commands value".split()
)
# rfc2217_link: its library opens a port in a coroutine.
TASK_MAKERS = ("controller/daemon.py", "controller/demo.py", "firmware_stubs/serve.py", "devices/rfc2217_link.py")
# The modules that touch the world. Every other module is pure, a new one too until it is named here.
EDGES = (
    *LINKS,
    *(f"controller/{name}.py" for name in "__main__ broker control core crashes daemon descriptors last_good".split()),
    *(
        f"controller/{name}.py"
        for name in "listening logs notify parts port_holders reaching reload renewing republish stalls".split()
    ),
    *(f"controller/{name}.py" for name in "state_dir uplink wellbeing".split()),
    *(f"controller/{name}.py" for name in "cluster jetstream run_cluster".split()),
    *(f"controller/{name}.py" for name in "demo demo_centre demo_journals demo_own demo_progress demo_ready".split()),
    *(f"controller/{name}.py" for name in "journal journal_file journal_reader journal_writer recording_file".split()),
    *(f"controller/journal_{name}.py" for name in "batch identity opening reserve retention salvage sift".split()),
    *("controller/commands/", "firmware_stubs/commands/"),
    *(
        f"firmware_stubs/{name}.py"
        for name in "__main__ serve source traffic medium notice items rehearsed_child tapping playing".split()
    ),
    *(f"firmware_stubs/{name}.py" for name in "wires events_wire fd_wire tcp_wires mqtt_wire rfc2217_wire".split()),
    *(f"firmware_stubs/api/{name}.py" for name in "sockets server client".split()),
    *(f"controller/view/{name}.py" for name in "app dialogs feed health interface pane places".split()),
)
EDGE_NAMES = tuple(path.removesuffix(".py").rstrip("/").replace("/", ".") for path in EDGES)
# They reach the world only when called to, to read a file or to open a link. Others take data and types from them,
# so a pure module may import them.
DOORS = (*(f"controller/config{part}.py" for part in ("", "_files", "_links")), "devices/links.py")
MAKES_TASKS = {"create_task", "ensure_future", "TaskGroup", "gather"}
WORLD = tuple(
    "aiohttp aiomqtt asyncio fcntl multiprocessing os paho pty resource secrets select selectors serial signal socket "
    "sqlite3 subprocess termios textual threading time".split()
)
CLOCKS = {"datetime": {"now", "utcnow", "today"}, "date": {"today"}, "uuid": {"uuid1", "uuid4"}}

REPORTED, TOO_LONG = 300, 400


@dataclass(frozen=True)
class Module:
    """One source file: its path from the root of the project, its text, its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The top folder."""
        return PurePosixPath(self.path).parts[0]

    def nodes(self) -> Iterator[tuple[str, ast.AST]]:
        """Every node with its place as `path:line`."""
        for node in ast.walk(self.tree):
            yield f"{self.path}:{getattr(node, 'lineno', 0)}", node

    def imports(self) -> Iterator[tuple[str, str]]:
        """(place, dotted name) of everything imported; `from a import b` gives `a.b`."""
        for place, node in self.nodes():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield place, alias.name
            elif isinstance(node, ast.ImportFrom):
                origin = _absolute(self.path, node)
                for alias in node.names:
                    yield place, f"{origin}.{alias.name}"
            elif isinstance(node, ast.Call) and _last_name(node.func) in ("import_module", "__import__"):
                for name in node.args[:1]:
                    yield place, _literal_start(name)

    def imports_of(self, *packages: str) -> Iterator[tuple[str, str]]:
        """Those imports that lie in one of `packages` (dotted prefixes)."""
        for place, name in self.imports():
            if any(name == package or name.startswith(f"{package}.") for package in packages):
                yield place, name


def _absolute(path: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    origin = PurePosixPath(path).parts[: -node.level]
    return ".".join((*origin, node.module) if node.module else origin)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _literal_start(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return str(node.value) if isinstance(node, ast.Constant) else ""


def parse(path: str, text: str) -> Module:
    """A module from its text; `path` as seen from the root of the project."""
    return Module(path, text, ast.parse(text, path))


def project(root: Path) -> list[Module]:
    """Every Python file of the code and its tests."""
    found = [file for top in (*CODE, "tests") for file in sorted((root / top).rglob("*.py"))]
    return [parse(file.relative_to(root).as_posix(), file.read_text()) for file in found]


@cache
def functions(file: Path) -> frozenset[str]:
    """The names of a module's functions and methods, for documents that name tests."""
    return frozenset(node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))


def devices_know_only_machines(module: Module) -> list[str]:
    """devices/ never imports controller/ or firmware_stubs/."""
    if module.package != "devices":
        return []
    return [f"{place}: devices imports {name}" for place, name in module.imports_of("controller", "firmware_stubs")]


def stubs_stand_alone(module: Module) -> list[str]:
    """firmware_stubs/ imports nothing of devices/ or controller/: the manual is read twice."""
    if module.package != "firmware_stubs":
        return []
    return [f"{place}: a stub imports {name}" for place, name in module.imports_of("controller", "devices")]


def controller_knows_no_stub(module: Module) -> list[str]:
    """controller/ never imports firmware_stubs/."""
    if module.package != "controller":
        return []
    return [f"{place}: controller imports {name}" for place, name in module.imports_of("firmware_stubs")]


def nothing_imports_tests(module: Module) -> list[str]:
    """Only tests import tests."""
    if module.package == "tests":
        return []
    return [f"{place}: imports {name}" for place, name in module.imports_of("tests")]


def a_driver_stands_alone(module: Module) -> list[str]:
    """A machine imports of devices/ only what every family may, and its own family's `_private` parts."""
    if not module.path.startswith(FAMILIES):
        return []
    allowed = set(module.imports_of(*FAMILY_MAY))
    private = module.path.rpartition("/")[0].replace("/", ".") + "._"
    return [
        f"{place}: a driver imports {name}"
        for place, name in module.imports_of("devices")
        if (place, name) not in allowed and not name.startswith(private)
    ]


def pure_modules_touch_nothing(module: Module) -> list[str]:
    """A pure module imports nothing that reaches the world, and no edge."""
    if not is_pure(module):
        return []
    return [f"{place}: a pure module imports {name}" for place, name in module.imports_of(*WORLD, *EDGE_NAMES)]


def pure_modules_are_given_time_and_chance(module: Module) -> list[str]:
    """A pure module reads no clock and draws only from a seeded Random."""
    if not is_pure(module):
        return []
    found = [(place, name) for place, name in module.imports_of("random") if name not in ("random", "random.Random")]
    for place, node in module.nodes():
        if isinstance(node, ast.Attribute):
            owner = _last_name(node.value)
            if node.attr in CLOCKS.get(owner, ()) or (owner == "random" and node.attr != "Random"):
                found.append((place, f"{owner}.{node.attr}"))
    return [f"{place}: a pure module uses {name}; time, ids and a seeded Random are arguments" for place, name in found]


def is_pure(module: Module) -> bool:
    """No I/O, no clock, no chance."""
    return module.package in CODE and not module.path.startswith((*EDGES, *DOORS))


def tasks_have_three_owners(module: Module) -> list[str]:
    """asyncio tasks are created in the daemon, the demo and the server of stubs only."""
    if module.package not in CODE or module.path in TASK_MAKERS:
        return []
    used = [(place, _last_name(node)) for place, node in module.nodes() if isinstance(node, (ast.Attribute, ast.Name))]
    used += [(place, name.rpartition(".")[2]) for place, name in module.imports_of("asyncio")]
    return [f"{place}: {name} belongs into {', '.join(TASK_MAKERS)}" for place, name in used if name in MAKES_TASKS]


def length(module: Module) -> int:
    """Lines of a module."""
    return module.text.count("\n")


def not_too_long(module: Module) -> list[str]:
    """No module takes more than an evening. Tests are reported only: a long list of cases is still a list."""
    lines = length(module)
    too_long = module.package in CODE and lines > TOO_LONG
    return [f"{module.path}: {lines} lines, at most {TOO_LONG}"] if too_long else []


Rule: TypeAlias = Callable[[Module], list[str]]

RULES: tuple[Rule, ...] = (
    devices_know_only_machines,
    stubs_stand_alone,
    controller_knows_no_stub,
    nothing_imports_tests,
    a_driver_stands_alone,
    pure_modules_touch_nothing,
    pure_modules_are_given_time_and_chance,
    tasks_have_three_owners,
    not_too_long,
)
