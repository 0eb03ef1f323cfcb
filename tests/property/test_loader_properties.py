"""Whatever is in the files, the loader gives an estate or mistakes, never a traceback."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plantroom.estate import reading
from plantroom.estate.errors import EstateError
from plantroom.estate.loader import load
from plantroom.estate.model import Environment, Estate, Loaded, Ring
from plantroom.estate.template import text

SOUND = text("ada", "ada")
KEYS = [
    *Estate.model_fields,
    *Environment.model_fields,
    *Ring.model_fields,
    "environments",
    "environment",
    "env",
    "[key]",
]
RUNS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def tried(*files: bytes) -> Loaded | EstateError:
    with tempfile.TemporaryDirectory() as name:
        for number, data in enumerate(files):
            Path(name, f"{number}.yaml").write_bytes(data)
        try:
            return load(Path(name))
        except EstateError as error:
            found = error
    assert found.mistakes
    for mistake in found.mistakes:
        assert mistake.source.line >= 1
        assert mistake.source.column >= 1
        assert mistake.wrong
        assert mistake.right
    return found


@RUNS
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3))
@example([b"\xff\xfea\x00"])
@example([b"%YAML 9.9\n---\na: b\n"])
@example([b"[key]: 1\n"])
@example([b"? \n"])
@example([b"estate:\n  name: 1e999\n"])
def test_any_bytes(files: list[bytes]) -> None:
    tried(*files)


@RUNS
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SOUND) - 1),
            st.integers(0, 12),
            st.sampled_from(
                [
                    "",
                    " ",
                    "\n",
                    "\t",
                    ":",
                    "- ",
                    "[",
                    "]",
                    "{",
                    "}",
                    '"',
                    "'",
                    "&a ",
                    "*a",
                    "!!int ",
                    "<<: ",
                    "#",
                    "|",
                    "0",
                    "é",
                ]
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_slip_of_the_hand(slips: list[tuple[int, int, str]]) -> None:
    changed = SOUND
    for at, cut, put in slips:
        changed = changed[:at] + put + changed[at + cut :]
    tried(changed.encode())


SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["north", "pilot", "30s", "50%"])
)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(string.ascii_lowercase, max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)


@RUNS
@given(st.dictionaries(st.sampled_from(KEYS), DATA, max_size=8))
def test_any_structure(data: dict[str, Any]) -> None:
    tried(yaml.safe_dump(data, allow_unicode=True).encode())


@RUNS
@given(st.data())
def test_any_part_of_a_sound_estate_replaced_by_anything(draw: st.DataObject) -> None:
    data = yaml.safe_load(SOUND)
    inside: Any = data
    for _ in range(draw.draw(st.integers(0, 6))):
        steps = (
            list(inside) if isinstance(inside, dict) else list(range(len(inside))) if isinstance(inside, list) else []
        )
        if not steps or not isinstance(inside[step := draw.draw(st.sampled_from(steps))], dict | list):
            break
        inside = inside[step]
    if isinstance(inside, dict) and inside:
        key = draw.draw(st.sampled_from([*inside, *KEYS]))
        inside[key] = draw.draw(DATA)
    tried(yaml.safe_dump(data).encode())


@RUNS
@given(st.lists(st.sampled_from(SOUND.splitlines(keepends=True)), max_size=60))
def test_lines_in_any_order(lines: list[str]) -> None:
    tried("".join(lines).encode())


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120) | st.text(max_size=120).map(str.encode))
def test_the_parser_in_python_never_ends_in_a_traceback_either(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "Parser", reading.PurePythonParser)
        tried(data)
