"""`plantroom ledger`: read it, verify it, prove an entry, take a copy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from plantroom.kernel.errors import LedgerError
from plantroom.ledger import policy
from plantroom.ledger.model import COLUMNS, Stored
from plantroom.runtime.files import write_whole
from plantroom.runtime.terminal import Json, out, print_json, print_table, session, working

_WHOSE = {
    "home": "the one of this home",
    "you": "the one that you named",
    "copy": "which came with the copy: who wrote the one may have made the other. Name yours with --public-key",
}
"""Where the key is from that checkpoints were checked with."""

_PARTS = ("entries", "checkpoints", "public_key")
_FIELDS = frozenset({*COLUMNS, "leaf", "unreadable"})
_HEXADECIMAL = re.compile(r"([0-9a-fA-F]{2})*")

app = typer.Typer(no_args_is_help=True, help="Read, verify and prove the tamper-evident log.")


@app.command("list")
def list_entries(
    context: typer.Context,
    subject: Annotated[str | None, typer.Argument(help="For instance harbour/production or train/2026-11.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many of the last entries.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the last entries: who, what, on what, intent or outcome, why.

    Example: plantroom ledger list train/2026-11 --limit 200
    """
    found = session(context).api.get("/ledger/entries", subject=subject, limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(
        ("seq", "at", "actor", "what", "on", "phase", "came of it"),
        [
            [
                str(one["seq"]),
                escape(str(one["at"])[:19]),
                *(escape(str(one[name])) for name in ("actor", "verb", "subject", "phase")),
                escape(_told(one)),
            ]
            for one in found
        ],
    )


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Option(help="A copy made by `ledger export`, checked without Plantroom running.")
    ] = None,
    public_key: Annotated[
        str | None, typer.Option(help="The key you trust: a copy of key.pub, or in hexadecimal; else the log's own.")
    ] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="A directory of checkpoints copied away earlier, which the log must contain.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash every entry again and hold the log against its signed checkpoints; exits with 2 when it is not intact.

    Example: plantroom ledger verify --file copy.json --public-key key.pub --checkpoints kept
    """
    with working("hashing the ledger"):
        if file is None and public_key is None and checkpoints is None:
            found = session(context).api.get("/ledger/verify")
        else:
            log = session(context).api.get("/ledger/export") if file is None else _read(file)
            found = _verify(log, "home" if file is None else "copy", public_key, checkpoints)
    if as_json:
        print_json(found)
    else:
        word = "[green]intact[/]" if found["intact"] else "[bold red]NOT intact[/]"
        counted = f"{found['entries']} entries, {found['checkpoints']} checkpoints"
        out.print(f"ledger {word}: {counted}, {found['covered']} covered, {found['after']} after the last checkpoint")
        if found.get("key"):
            out.print(f"  checked with key {found['key']}, {_WHOSE[found['key_from']]}")
        for one in found["findings"]:
            out.print(f"  [bold red]{one['kind']}[/]: {escape(one['detail'])}")
    if not found["intact"]:
        raise typer.Exit(2)


@app.command()
def prove(
    context: typer.Context,
    seq: Annotated[int, typer.Argument(help="The entry's number.")],
    size: Annotated[
        int | None, typer.Option(min=1, help="Against the checkpoint of this size, which the other side has.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A proof is JSON anyway; with this, so is an error.")] = False,
) -> None:
    """Print an inclusion proof of one entry, which anyone can check without seeing the others.

    Example: plantroom ledger prove 42 --size 1000 > proof.json
    """
    print_json(session(context).api.get(f"/ledger/proof/{seq}", size=size))


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
) -> None:
    """Write a copy of the whole ledger with its checkpoints.

    Example: plantroom ledger export copy.json
    """
    with working("copying the ledger"):
        found = session(context).api.get("/ledger/export")
    write_whole(file, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    out.print(f"{len(found['entries'])} entries and {len(found['checkpoints'])} checkpoints in {escape(str(file))}")


@app.command()
def checkpoint(context: typer.Context, as_json: Json = False) -> None:
    """Sign the present state of the log and write the checkpoint outside of the database.

    Example: plantroom ledger checkpoint
    """
    found = session(context).api.post("/ledger/checkpoint", {})
    if as_json:
        print_json(found)
    else:
        out.print(f"checkpoint at {found['size']} entries, root {found['root']}")


def _read(file: Path) -> dict[str, Any]:
    """A copy of a ledger: what its lines say is read later, one by one, so that an odd one does not hide the others."""
    try:
        data = json.loads(file.read_text("utf-8"), object_pairs_hook=_once)
    except _SaidTwiceError as error:
        raise _no_copy(file, f"says {error} twice") from error
    except OSError as error:
        raise _no_copy(file, f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    except json.JSONDecodeError as error:
        raise _no_copy(file, f"is not JSON from line {error.lineno}, column {error.colno} on") from error
    except (ValueError, RecursionError) as error:
        raise _no_copy(file, "is not JSON in UTF-8") from error
    wrong = _misshapen(data)
    if wrong is not None:
        raise _no_copy(file, wrong)
    found: dict[str, Any] = data
    return found


class _SaidTwiceError(ValueError):
    """One reader takes the first, another the last."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _SaidTwiceError(next(name for place, (name, _) in enumerate(pairs) if name in dict(pairs[:place])))
    return found


def _misshapen(data: Any) -> str | None:
    """What is not as in a copy, in words; None for one."""
    if not isinstance(data, dict):
        return "is JSON, but not an object"
    missing = [name for name in _PARTS if name not in data]
    if missing:
        return f"has no {' and no '.join(missing)}"
    for name, part, word in (("entries", dict, "an object"), ("checkpoints", str, "text")):
        if not isinstance(data[name], list):
            return f"has {name} that are not a list"
        odd = next((place for place, one in enumerate(data[name], 1) if not isinstance(one, part)), None)
        if odd is not None:
            return f"has {name} of which number {odd} is not {word}"
    for place, entry in enumerate(data["entries"], 1):
        if stray := sorted(entry.keys() - _FIELDS):
            return f"has an entry, number {place}, with {stray[0]}, for which no hash vouches"
    key = data["public_key"]
    if not isinstance(key, str) or not _HEXADECIMAL.fullmatch(key):
        return "has a public_key that is not in hexadecimal"
    return None


def _no_copy(file: Path, value: str) -> LedgerError:
    return LedgerError(
        "PR504",
        str(file),
        value=value,
        limit=f"a copy of a ledger is a JSON object with {', '.join(_PARTS)}",
        remedy="Make one with `plantroom ledger export`",
    )


def _verify(log: dict[str, Any], whose: str, named: str | None, directory: Path | None) -> dict[str, Any]:
    key = policy.public_key(bytes.fromhex(log["public_key"]) if named is None else _key(named))
    notes = {f"checkpoint {place} of the log": note for place, note in enumerate(log["checkpoints"], 1)}
    own, forged = policy.open_notes(notes, key)
    kept, odd = ([], []) if directory is None else policy.read_kept(_notes(directory), key)
    stored = [Stored.from_data(line) for line in log["entries"]]
    # What was copied away is mostly what is there still.
    checkpoints = {checkpoint.note: checkpoint for checkpoint in (*own, *kept)}
    found = policy.verify(stored, list(checkpoints.values()), [*forged, *odd])
    return found.as_data() | {"key": policy.fingerprint(key), "key_from": whose if named is None else "you"}


def _key(named: str) -> bytes:
    if Path(named).is_file():
        return Path(named).read_bytes()
    try:
        return bytes.fromhex(named)
    except ValueError:
        return b""


def _notes(directory: Path) -> dict[str, str]:
    found = {str(path): path.read_bytes().decode("utf-8", "replace") for path in sorted(directory.glob("*.txt"))}
    if not found:
        raise LedgerError(
            "PR507",
            str(directory),
            value="there are no checkpoints in it",
            remedy="Name a copy of HOME/ledger/checkpoints",
        )
    return found


def _told(one: dict[str, Any]) -> str:
    if "unreadable" in one:
        return str(one["unreadable"])
    payload = one["payload"]
    if one["phase"] == "outcome":
        data = payload["data"] if isinstance(payload.get("data"), dict) else {}
        word = data.get("result", "done") if payload.get("done") else "refused"
        return f"{word} {payload.get('why') or data.get('why') or data.get('release') or ''}".strip()
    return str(payload.get("why") or payload.get("release") or "")
