"""What the docs say is so: commands and options exist, codes are listed, links lead somewhere, snippets run."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main

from plantroom.entrypoints.cli.main import app
from plantroom.estate.model import Estate
from plantroom.kernel import errors
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Ledger
from plantroom.runtime.database import Database

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "plantroom"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/*/*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"PR\d{3}")


def named(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=[str(page.relative_to(ROOT)) for page in pages])


# -- commands ---------------------------------------------------------------------------------------------------------


def commands_in(text: str) -> Iterator[list[str]]:
    """Every `plantroom …` of the fenced blocks and of the inline code, as words, without its comment."""
    for _, block in FENCE.findall(text):
        for line in block.splitlines():
            for part in re.split(r"&&|\|", line):
                words = shlex.split(part.split(">")[0], comments=True)
                if words and words[0] == "plantroom":
                    yield words[1:]
    for inline in re.findall(r"`plantroom ([^`]+)`", FENCE.sub("", text)):
        yield shlex.split(inline)


def misunderstood(words: list[str]) -> str:
    """Why the command line would not be taken as it is written; empty when it would. Nothing is run."""
    here: Any = typer.main.get_command(app)
    context = here.make_context("plantroom", [], resilient_parsing=True)
    rest = list(words)
    while hasattr(here, "commands"):
        known = {name for one in here.params for name in one.opts}
        while rest and rest[0].startswith("-"):
            if rest[0] not in known:
                return f"{context.command_path} has no option {rest[0]}"
            rest = rest[2:] if rest[0] == "--home" else rest[1:]
        if not rest:
            return ""
        if rest[0] not in here.commands:
            return f"{context.command_path} has no command {rest[0]}"
        here, word, rest = here.commands[rest[0]], rest[0], rest[1:]
        if hasattr(here, "commands"):
            context = here.make_context(word, [], parent=context, resilient_parsing=True)
    try:
        here.make_context(word, list(rest), parent=context)
    except Exception as error:
        # Inline code may name a command alone, to speak of it. (Its errors are Typer's own copies of Click's.)
        if getattr(error, "exit_code", None) != 2:
            raise
        return str(error) if rest or type(error).__name__ != "MissingParameter" else ""
    return ""


@named(PAGES)
def test_every_command_in_the_docs_is_one(page: Path) -> None:
    wrong = {shlex.join(words): why for words in commands_in(page.read_text()) if (why := misunderstood(words))}
    assert wrong == {}


def test_the_guide_shows_commands_and_a_wrong_one_is_found() -> None:
    assert sum(len(list(commands_in(page.read_text()))) for page in PAGES) > 30
    made = list(commands_in("```\nplantroom ledger list x --lmit 3  # a slip\n```\n and `plantroom leger verify`"))
    assert [misunderstood(words) != "" for words in made] == [True, True]
    assert misunderstood(["release", "start", "1.1"]) != ""
    assert misunderstood(["status", "everything"]) != ""
    assert misunderstood(["--hom", "x", "plan"]) != ""
    assert misunderstood(["--home", "x", "plan", "--json"]) == ""


@named(PAGES)
def test_make_targets_in_the_docs_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = "\n".join(block for _, block in FENCE.findall(page.read_text()))
    named_there = set(re.findall(r"^make ([a-z]+)", blocks, re.MULTILINE)) | set(
        re.findall(r"`make ([a-z]+)", page.read_text())
    )
    assert named_there <= targets


# -- codes ------------------------------------------------------------------------------------------------------------


def rows() -> dict[str, list[str]]:
    """The cells of errors.md by code; a code that is listed twice is a mistake."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "docs/guide/errors.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if CODE.fullmatch(cells[0]):
            assert cells[0] not in found, f"{cells[0]} is listed twice"
            found[cells[0]] = cells[1:]
    return found


def raised(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Of every error that the source makes with a literal code: the code, the class, the constant words of its
    subject (what an f-string puts in is left out)."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and CODE.fullmatch(first.value):
            made = node.func.id if isinstance(node.func, ast.Name) else ""
            yield first.value, made, _constant_words(node.args[1]) if len(node.args) > 1 else []


def _constant_words(subject: ast.expr) -> list[str]:
    if isinstance(subject, ast.Constant):
        return [str(subject.value)]
    if isinstance(subject, ast.JoinedStr):
        pieces = [one.value for one in subject.values if isinstance(one, ast.Constant)]
        return [words for piece in pieces if (words := str(piece).strip(" :"))]
    if isinstance(subject, ast.Call) and isinstance(subject.func, ast.Attribute):
        return _constant_words(subject.func.value)  # f"…".strip()
    return []


def strangers(text: str, listed: dict[str, list[str]]) -> list[str]:
    """Errors about something that their code does not stand for. The five codes of platforms stand for anything."""
    return [
        f"{code} {words!r}"
        for code, _, pieces in raised(text)
        for words in pieces
        if not code.startswith("PR4") and not set(words.split()) <= set(re.split(r"[\s,`]+", listed[code][0]))
    ]


def test_every_code_in_the_source_is_in_the_docs_and_the_other_way_round() -> None:
    in_source = {code for path in SOURCE.rglob("*.py") for code in CODE.findall(path.read_text())}
    assert in_source == set(rows())


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    assert [code for code, cells in rows().items() if len(cells) != 3 or not all(cells)] == []


def test_no_code_stands_for_two_subjects() -> None:
    listed = rows()
    assert [found for path in SOURCE.rglob("*.py") for found in strangers(path.read_text(), listed)] == []
    assert strangers('EngineError("PR807", "HAProxy", value="is not there")', listed) == ["PR807 'HAProxy'"]
    assert strangers('EngineError("PR806", f"{name}: a workflow")', listed) == ["PR806 'a workflow'"]


def test_a_code_is_of_the_family_of_its_error() -> None:
    families: dict[str, set[str]] = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        for code, made, _ in raised(path.read_text()):
            kind = getattr(errors, made, None)
            if kind is not None:
                families[code].add(kind.family)
    assert len(families) > 40
    assert {code: found for code, found in families.items() if found != {code[:3]}} == {}


# -- links and words --------------------------------------------------------------------------------------------------


@named(PAGES)
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@named(PAGES)
def test_paths_that_the_docs_name_exist(page: Path) -> None:
    named_there = re.findall(r"`((?:src|examples|docs|tests|bench)/[\w./-]+)`", page.read_text())
    assert [path for path in named_there if not (ROOT / path).exists()] == []


FORBIDDEN = re.compile(
    r"/work/|/root/(?!\W)|/tmp/b|\bissues? #?\d+|\bsession \d|\bTODO\b|\bFIXME\b|\bartifact\b", re.IGNORECASE
)


@named(PAGES)
def test_the_docs_speak_to_their_reader(page: Path) -> None:
    """No paths of the machine they were written on, nothing of how they came about, one word for one thing."""
    text = page.read_text()
    assert [text[max(0, at.start() - 30) : at.end() + 10] for at in FORBIDDEN.finditer(text)] == []


def test_every_variable_in_the_guide_is_read_by_the_source() -> None:
    source = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    known = set(re.findall(r"PLANTROOM_[A-Z_]+", source))
    named_there = {name for page in PAGES for name in re.findall(r"PLANTROOM_[A-Z_]+", page.read_text())}
    assert named_there
    assert named_there - known == set()


@named(PAGES)
def test_tables_are_tables(page: Path) -> None:
    """Every row belongs to a head with a line below it, and has as many cells."""
    lines = FENCE.sub("", page.read_text()).splitlines()
    wrong = []
    cells = 0
    for place, line in enumerate(lines):
        if not line.startswith("|"):
            cells = 0
            continue
        if cells == 0 and (place + 1 == len(lines) or not re.fullmatch(r"\|(-+\|)+", lines[place + 1])):
            wrong.append(f"no head: {line}")
        elif cells and line.count("|") != cells:
            wrong.append(f"{line.count('|')} for {cells}: {line}")
        cells = line.count("|")
    assert wrong == []


def first_cells(page: str) -> set[str]:
    """What the tables of a page of the guide are about: the first cell of each row."""
    lines = (ROOT / "docs/guide" / page).read_text().splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| ")]
    return {word.strip(" `") for cell in cells for word in cell.split(",")}


def test_the_guide_lists_the_sections_of_an_estate() -> None:
    assert first_cells("first-estate.md") - {"section"} == set(Estate.model_fields)


def test_the_guide_lists_what_verify_can_say() -> None:
    policy = ast.parse((SOURCE / "ledger" / "policy.py").read_text())
    words = {str(node.value) for node in ast.walk(policy) if isinstance(node, ast.Constant)}
    kinds = first_cells("ledger.md") - {"verify` says"}
    assert kinds >= {"altered", "inserted", "deleted", "reordered", "cut off", "forked", "forged"}
    assert kinds <= words


@pytest.mark.parametrize("text", ["in /work/main", "see issue 2", "issue #12", "session 3", "TODO", "an artifact"])
def test_words_for_somebody_else_are_caught(text: str) -> None:
    assert FORBIDDEN.search(text)


def test_settings_are_in_the_guide_or_not_for_users() -> None:
    """The settings' own table names what users may set; the guide shows each of them somewhere."""
    table = (SOURCE / "runtime" / "settings.py").read_text().split('"""')[1]
    settings = set(re.findall(r"PLANTROOM_[A-Z_]+", table))
    guide = "\n".join(page.read_text() for page in PAGES)
    assert len(settings) > 5
    assert {name for name in settings if name not in guide} == set()


# -- the snippet that checks a proof ----------------------------------------------------------------------------------


def said(proof: dict[str, Any], directory: Path) -> str:
    """What the Python lines of the ledger's page print for this proof, run by themselves."""
    page = (ROOT / "docs/guide/ledger.md").read_text()
    (snippet,) = [block for language, block in FENCE.findall(page) if language == "python"]
    (directory / "check.py").write_text(snippet)
    (directory / "proof.json").write_text(json.dumps(proof))
    ran = subprocess.run(
        [sys.executable, "-I", "check.py", "proof.json", "checkpoint.txt", "key.pub"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


async def test_the_lines_of_the_ledgers_page_prove_a_real_entry_and_no_other(
    database: Database, tmp_path: Path
) -> None:
    ledger = Ledger(database, tmp_path / "ledger", "plantroom/docs", lambda: datetime(2026, 11, 21, tzinfo=UTC))
    async with database.transaction() as connection:
        for number in range(7):
            draft = Draft("ada", "test", "harbour/production", Phase.NOTE, f"key-{number}", {"why": "é …", "n": number})
            await ledger.append(connection, draft)
    (tmp_path / "checkpoint.txt").write_text((await ledger.checkpoint()).note)
    (tmp_path / "key.pub").write_bytes((tmp_path / "ledger" / "key.pub").read_bytes())
    for seq in (0, 6):
        assert said(await ledger.prove(seq), tmp_path) == "proven"
    altered = await ledger.prove(3)
    altered["entry"]["payload"]["n"] = 99
    assert said(altered, tmp_path) == "NOT proven"
    without = await ledger.prove(3)
    without["proof"] = without["proof"][:-1]
    assert said(without, tmp_path) == "NOT proven"
