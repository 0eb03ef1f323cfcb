"""The architecture's contracts are in force: import-linter's, each shown to catch what it is there for, and those that
need a look into the modules."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "plantroom"
LINTER = Path(sys.executable).parent / "lint-imports"
MOST_LINES = 500

SEEDS = {
    "tiers": ("estate/changes.py", "from plantroom.rollout import placement"),
    "rooms": ("delivery/trains/service.py", "from plantroom.delivery.artefacts import layout"),
    "kernel": ("kernel/digest.py", "import pydantic"),
    "pure": ("rollout/policy.py", "import time"),
    "workflows": ("rollout/workflow.py", "from plantroom.rollout import activities"),
    "sql": ("delivery/trains/policy.py", "import sqlalchemy"),
    "stores": ("delivery/trains/store.py", "from plantroom.rollout import store"),
    "commands": ("delivery/trains/cli.py", "from plantroom.delivery.trains import service"),
    "routes": ("delivery/trains/api.py", "from plantroom.delivery.trains import store"),
    "wiring": ("entrypoints/web/app.py", "from plantroom.platforms.local.platform import LocalPlatform"),
}
"""For each contract a file, and a line that breaks it."""

MORE_SEEDS = [
    ("pure", "estate/plan.py", "from pathlib import Path"),
    ("pure", "rollout/placement.py", "import io"),
    ("pure", "ledger/policy.py", "import logging"),
    ("pure", "delivery/trains/steps.py", "import random"),
    ("pure", "platforms/contract.py", "from plantroom.runtime import clock"),
    ("routes", "delivery/trains/api.py", "from plantroom.rollout import service"),
    ("commands", "ledger/cli.py", "from plantroom.ledger import service"),
    ("commands", "entrypoints/cli/up.py", "from plantroom.rollout import store"),
    ("wiring", "delivery/tenancy/service.py", "from plantroom.platforms import sim"),
    ("workflows", "delivery/tenancy/workflow.py", "from plantroom.runtime import database"),
]


def contracts() -> dict[str, str]:
    """The names of the contracts by their ids."""
    read = configparser.ConfigParser()
    read.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {part.removeprefix(prefix): read[part]["name"] for part in read.sections() if part.startswith(prefix)}


def lint(tree: Path, *contract: str) -> tuple[int, str]:
    """Run import-linter over the `plantroom` in `tree`."""
    chosen = [word for one in contract for word in ("--contract", one)]
    ran = subprocess.run(
        [str(LINTER), "--config", str(ROOT / ".importlinter"), "--no-cache", "--no-logo", *chosen],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source, to do wrong in."""
    shutil.copytree(SOURCE, tmp_path / "plantroom", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_contract_is_kept(tree: Path) -> None:
    code, said = lint(tree)
    assert code == 0, said
    assert re.search(rf"{len(contracts())} kept, 0 broken", said)


def test_every_contract_is_shown_to_catch_something() -> None:
    assert set(contracts()) == set(SEEDS)


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [*((contract, *seed) for contract, seed in SEEDS.items()), *MORE_SEEDS],
)
def test_a_violation_is_caught(tree: Path, contract: str, file: str, line: str) -> None:
    broken = tree / "plantroom" / file
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    code, said = lint(tree, contract)
    assert code == 1, said
    assert re.search(rf"{re.escape(contracts()[contract])} +BROKEN", said), said
    assert "plantroom." + file.removesuffix(".py").replace("/", ".") in said


def test_everything_has_a_tier() -> None:
    read = configparser.ConfigParser()
    read.read(ROOT / ".importlinter")
    tiers = set(re.findall(r"plantroom\.(\w+)", read["importlinter:contract:tiers"]["layers"]))
    there = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__"} == tiers


# -- what is looked up inside the modules -----------------------------------------------------------------------------

CLOCKS = re.compile(
    r"(datetime\.)?(datetime\.(now|utcnow|today)|date\.today)|time\.(time|time_ns|localtime|gmtime)"
    r"|random\..+|secrets\..+|uuid\.uuid[14]|os\.(urandom|getrandom)|plantroom\.runtime\.clock\.now"
)
"""Where time and chance come in, as full names."""

OUTSIDE = ("runtime/", "entrypoints/", "bootstrap.py")
"""What touches the outside for everyone."""

OF_THE_LOCAL_PLATFORM = ("plantroom.runtime.clock.now", "secrets.token_hex")
"""It dates its certificates, and makes the balancer a password that nobody shall be able to guess: no arguments."""


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every dotted name that a module uses, with what it was imported as put in full, and its line."""
    full: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full |= {
                (one.asname or one.name.split(".")[0]): (one.name if one.asname else one.name.split(".")[0])
                for one in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            full |= {(one.asname or one.name): f"{node.module}.{one.name}" for one in node.names}
            yield from ((node.lineno, f"{node.module}.{one.name}") for one in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            first, _, rest = dotted.partition(".")
            if re.fullmatch(r"[\w.]+", dotted):  # and not what a call returned
                yield node.lineno, f"{full[first]}.{rest}" if first in full else dotted


def reads_time_or_chance(text: str) -> list[str]:
    return sorted({f"{line}: {name}" for line, name in names(ast.parse(text)) if CLOCKS.fullmatch(name)})


def sql_beyond_types(text: str) -> list[str]:
    """What a module that is no store has of sqlalchemy, but for the type of the connection that it hands on, and the
    errors that it answers for; and statements that it runs itself."""
    tree = ast.parse(text)
    allowed = {"sqlalchemy.ext.asyncio.AsyncConnection", "sqlalchemy.exc.OperationalError"}
    found = {f"{line}: {name}" for line, name in names(tree) if name.startswith("sqlalchemy.") and name not in allowed}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("execute", "exec_driver_sql", "scalar", "scalars"):
            found.add(f"{node.lineno}: .{node.attr}")
    return sorted(found)


def everywhere(look: Callable[[str], list[str]], exempt: Callable[[str], bool]) -> dict[str, list[str]]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = str(path.relative_to(SOURCE))
        if not exempt(name) and (seen := look(path.read_text())):
            found[name] = seen
    return found


def test_time_and_chance_are_arguments() -> None:
    found = everywhere(reads_time_or_chance, lambda name: name.startswith((*OUTSIDE, "platforms/local/")))
    assert found == {}
    local = everywhere(reads_time_or_chance, lambda name: not name.startswith("platforms/local/"))
    assert {one.partition(": ")[2] for seen in local.values() for one in seen} == set(OF_THE_LOCAL_PLATFORM)


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
        "import datetime as d\nnow = d.datetime.now()",
        "from datetime import date\ntoday = date.today()",
        "import time\nnow = time.time()",
        "from time import time\n",
        "import random\nx = random.random()",
        "from uuid import uuid4\n",
        "import uuid\nx = uuid.uuid4()",
        "import secrets\nx = secrets.token_hex(8)",
        "import os\nx = os.urandom(8)",
        "from plantroom.runtime import clock\nnow = clock.now()",
        "from plantroom.runtime.clock import now",
    ],
)
def test_time_and_chance_are_caught(text: str) -> None:
    assert reads_time_or_chance(text) != []


def test_an_instant_that_is_given_is_no_clock() -> None:
    text = "import time\nfrom datetime import datetime\nfrom plantroom.runtime.clock import Clock, stamp\n"
    assert reads_time_or_chance(f"{text}x = datetime.fromisoformat('2026-01-01')\ny = time.monotonic()") == []


def test_statements_are_run_by_stores_and_runtime_only() -> None:
    """Adapters and migrations are left out: databases of clients are what they are for, and they know no sqlalchemy."""
    exempt = ("runtime/", "platforms/", "delivery/schema/")
    assert everywhere(sql_beyond_types, lambda name: name.startswith(exempt) or name.endswith("/store.py")) == {}


@pytest.mark.parametrize(
    "text",
    [
        "from sqlalchemy import text",
        "import sqlalchemy\nx = sqlalchemy.text('SELECT 1')",
        "async def f(connection):\n    await connection.exec_driver_sql('SELECT 1')",
        "from sqlalchemy.ext.asyncio import create_async_engine",
    ],
)
def test_statements_elsewhere_are_caught(text: str) -> None:
    assert sql_beyond_types(text) != []


IN_AND_OUT = re.compile(
    r"(builtins\.)?(open|print|input|exec|eval|compile|breakpoint|__import__)"
    r"|.*\.(open|(read|write)_(text|bytes)|mkdir|touch|unlink|rmdir|rename|iterdir|glob|rglob|stat|exists|is_file|is_dir)"
)
"""Calls by which something is read, written or run, of what needs no import and of a path that was handed over."""


def reads_or_writes(text: str) -> list[str]:
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return sorted({f"{one.lineno}: {name}" for one in calls if IN_AND_OUT.fullmatch(name := ast.unparse(one.func))})


def pure_modules() -> list[Path]:
    """Those of the contract."""
    read = configparser.ConfigParser()
    read.read(ROOT / ".importlinter")
    named = read["importlinter:contract:pure"]["source_modules"].split()
    found = [path for name in named for path in (ROOT / "src").glob(f"{name.replace('.', '/')}.py")]
    assert len(found) >= len(named)
    return found


def test_what_is_pure_reads_and_writes_nothing() -> None:
    found = {str(path.relative_to(SOURCE)): reads_or_writes(path.read_text()) for path in pure_modules()}
    assert {name: seen for name, seen in found.items() if seen} == {}


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "print(1)",
        "def f(place):\n    return place.read_text()",
        "[p for p in place.iterdir()]",
        "eval('1')",
    ],
)
def test_reading_and_writing_are_caught(text: str) -> None:
    assert reads_or_writes(text) != []


def test_the_kernel_imports_the_standard_library_only() -> None:
    found = set()
    for path in (SOURCE / "kernel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {one.name.split(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module).split(".")[0])
    assert found - set(sys.stdlib_module_names) <= {"plantroom"}


def test_no_module_is_too_long_and_none_is_a_drawer() -> None:
    modules = [path for part in ("src", "tests", "bench", "examples") for path in (ROOT / part).rglob("*.py")]
    assert len(modules) > 150
    assert {str(path.relative_to(ROOT)) for path in modules if len(path.read_text().splitlines()) > MOST_LINES} == set()
    assert [path for path in modules if path.stem in ("utils", "helpers", "common", "misc")] == []


def test_rooms_have_the_same_files() -> None:
    """In a wing a room has files of known names; what is particular to it stands beside them only in two rooms."""
    known = {
        "model",
        "policy",
        "ports",
        "steps",
        "workflow",
        "store",
        "gate",
        "activities",
        "service",
        "api",
        "cli",
        "__init__",
    }
    found = {
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "delivery").glob("*/*.py")
        if path.stem not in known and path.parent.name not in ("artefacts", "schema")
    }
    assert found == set()


def test_nothing_is_kept_for_later() -> None:
    """No stubs: an exception or comment that says that something is still to be done."""
    later = re.compile(r"NotImplementedError|\bTODO\b|\bFIXME\b|\bXXX\b")
    found = {
        str(path.relative_to(ROOT))
        for part in ("src", "examples", "bench")
        for path in (ROOT / part).rglob("*.py")
        if later.search(path.read_text())
    }
    assert found == set()
