"""Golden cases of the estate. Each file in `estate/` has the input and the exact expected output.

A case is a first line that says what it shows, then sections, each begun by `=== title`. A title that ends with
`.yaml` is a file of the estate. `=== with base` adds `estate/base.yaml`. A mistake case ends with `=== mistakes`.

A plan case (in `estate/plans/`) may have `=== before` files: the observation is then that estate, applied. Under
`=== drift` each line takes something away from it, and `=== dirty` makes the Git tree dirty. It ends with `=== plan`.

`GOLDEN=write pytest tests/golden` writes the expected sections anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.golden.applied import applied

from plantroom.estate import render
from plantroom.estate.errors import EstateError
from plantroom.estate.loader import load
from plantroom.estate.model import Loaded
from plantroom.estate.plan import Observed, as_data, from_data, make
from plantroom.platforms.contract import Admission, DatabaseSeen, Running
from plantroom.rollout.placement import place

HERE = Path(__file__).parent / "estate"
MISTAKES = sorted(HERE.glob("*.txt"))
PLANS = sorted((HERE / "plans").glob("*.txt"))
WRITE = os.environ.get("GOLDEN") == "write"
TODAY = date(2027, 1, 1)


def sections(path: Path) -> list[tuple[str, str]]:
    """The sections of a case; `\\xNN` in a file named `*.bytes.yaml` is a byte."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("=== "):
            found.append((line[4:].strip(), []))
        else:
            found[-1][1].append(line)
    return [(title, "".join(lines)) for title, lines in found]


def expect(path: Path, section: str, got: str) -> None:
    parts = sections(path)
    if WRITE:
        kept = [part for part in parts if part[0] != section]
        kept.append((section, got))
        text = "".join(body if not title else f"=== {title}\n{body}" for title, body in kept)
        path.write_text(text, encoding="utf-8")
    assert dict(parts if not WRITE else sections(path))[section] == got


def write_files(directory: Path, parts: list[tuple[str, str]], prefix: str = "") -> None:
    for title, body in parts:
        if title == "with base":
            (directory / "base.yaml").write_text((HERE / "base.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        elif title.startswith(prefix) and title.endswith(".yaml"):
            name = title.removeprefix(prefix)
            path = directory / name.replace(".bytes", "")
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = body.encode()
            path.write_bytes(raw.decode("unicode_escape").encode("latin-1") if ".bytes" in name else raw)


@pytest.mark.parametrize("case", MISTAKES, ids=lambda path: path.stem)
def test_malformed_estates_give_exactly_these_mistakes(case: Path, tmp_path: Path) -> None:
    write_files(tmp_path, sections(case))
    with pytest.raises(EstateError) as caught:
        load(tmp_path)
    expect(case, "mistakes", "".join(f"{mistake}\n" for mistake in caught.value.mistakes))
    assert caught.value.mistakes
    assert all(mistake.right for mistake in caught.value.mistakes)


def test_there_are_enough_malformed_estates() -> None:
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize("case", PLANS, ids=lambda path: path.stem)
def test_plans_are_exactly_these(case: Path, tmp_path: Path) -> None:
    parts = sections(case)
    now, before = tmp_path / "now", tmp_path / "before"
    for directory in (now, before):
        directory.mkdir()
    write_files(now, [part for part in parts if not part[0].startswith("before ")])
    dirty = any(title == "dirty" for title, _ in parts)
    loaded = replace(load(now), commit="0" * 40, dirty=dirty)
    observed = Observed()
    if any(title.startswith("before") for title, _ in parts):
        write_files(before, [part for part in parts if part[0] == "with base"])
        write_files(before, [part for part in parts if part[0].startswith("before ")], "before ")
        earlier = load(before)
        observed = applied(earlier.estate, place(earlier.estate, {}))
    for line in dict(parts).get("drift", "").splitlines():
        observed = drifted(observed, line)
    plan = planned(loaded, observed)
    assert from_data(as_data(plan)) == plan
    expect(case, "plan", "".join(f"{text}\n" for _, text in render.lines(plan)))


def planned(loaded: Loaded, observed: Observed):  # type: ignore[no-untyped-def]
    current = {record.environment: record.assignments for record in observed.records}
    return make(loaded, observed, place(loaded.estate, current, observed.servers), 7, TODAY)


def drifted(observed: Observed, line: str) -> Observed:
    verb, _, what = line.partition(" ")
    changed = DRIFTS[verb](observed, what)
    assert changed != observed, f"{line}: nothing was there to drift"
    return changed


def _instances(state: Running | None) -> Callable[[Observed, str], Observed]:
    def change(observed: Observed, what: str) -> Observed:
        found = [
            one if one.id != what else None if state is None else replace(one, state=state)
            for one in observed.instances
        ]
        return replace(observed, instances=[one for one in found if one is not None])

    return change


def _drain(observed: Observed, what: str) -> Observed:
    return replace(
        observed,
        routes=[
            replace(
                route,
                members=tuple(
                    replace(member, admission=Admission.DRAINING) if member.instance == what else member
                    for member in route.members
                ),
            )
            for route in observed.routes
        ],
    )


def _remove(observed: Observed, what: str) -> Observed:
    return replace(
        observed,
        routes=[
            replace(route, members=tuple(member for member in route.members if member.instance != what))
            for route in observed.routes
        ],
    )


def _rehost(observed: Observed, what: str) -> Observed:
    environment, _, host = what.partition(" ")
    return replace(
        observed,
        routes=[replace(one, hosts=(host,)) if one.environment == environment else one for one in observed.routes],
    )


def _redeploy(observed: Observed, what: str) -> Observed:
    other = "sha256:" + "e" * 64
    return replace(
        observed, instances=[replace(one, artefact=other) if one.id == what else one for one in observed.instances]
    )


def _add_database(observed: Observed, what: str) -> Observed:
    pool, _, environment = what.partition(" ")
    return replace(observed, databases=[*observed.databases, DatabaseSeen(pool, environment, ())])


def _spoil(observed: Observed, what: str) -> Observed:
    environment, _, wrong = what.partition(" ")
    return replace(
        observed,
        databases=[
            replace(one, wrong=(*one.wrong, wrong)) if one.environment == environment else one
            for one in observed.databases
        ],
    )


DRIFTS: dict[str, Callable[[Observed, str], Observed]] = {
    "stop": _instances(Running.STOPPED),
    "forget": _instances(None),
    "drain": _drain,
    "remove": _remove,
    "rehost": _rehost,
    "redeploy": _redeploy,
    "add-database": _add_database,
    "spoil": _spoil,
    "drop": lambda o, what: replace(o, databases=[one for one in o.databases if one.environment != what]),
    "unfile": lambda o, what: replace(o, file_stores=[one for one in o.file_stores if one != what]),
    "unroute": lambda o, what: replace(o, routes=[one for one in o.routes if one.environment != what]),
    "halt": lambda o, what: replace(
        o, servers=[replace(one, running=False) if one.name == what else one for one in o.servers]
    ),
    "halt-pool": lambda o, what: replace(
        o, pools=[replace(one, running=False) if one.name == what else one for one in o.pools]
    ),
    "unrecord": lambda o, what: replace(o, records=[one for one in o.records if one.environment != what]),
    "destroy": lambda o, what: replace(o, servers=[one for one in o.servers if one.name != what]),
}
