"""`plantroom ledger`: read it, verify it, prove an entry, take a copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.markup import escape

from plantroom.kernel.errors import LedgerError
from plantroom.ledger import policy
from plantroom.ledger.model import Entry, Stored
from plantroom.runtime.terminal import Json, out, print_json, print_table, session, working

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
                one["at"][:19],
                escape(one["actor"]),
                one["verb"],
                escape(one["subject"]),
                one["phase"],
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
        str | None, typer.Option(help="The key you trust, in hexadecimal; else the copy's own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash every entry again and hold the log against its signed checkpoints; exits with 2 when it is not intact.

    Example: plantroom ledger verify --file copy.json
    """
    if file is None:
        with working("hashing the ledger"):
            found = session(context).api.get("/ledger/verify")
    else:
        found = _verify_copy(file, public_key)
    if as_json:
        print_json(found)
    else:
        word = "[green]intact[/]" if found["intact"] else "[bold red]NOT intact[/]"
        counted = f"{found['entries']} entries, {found['checkpoints']} checkpoints"
        out.print(f"ledger {word}: {counted}, {found['covered']} covered, {found['after']} after the last checkpoint")
        for one in found["findings"]:
            out.print(f"  [bold red]{one['kind']}[/]: {escape(one['detail'])}")
    if not found["intact"]:
        raise typer.Exit(2)


@app.command()
def prove(
    context: typer.Context,
    seq: Annotated[int, typer.Argument(help="The entry's number.")],
) -> None:
    """Print an inclusion proof of one entry, which anyone can check without seeing the others.

    Example: plantroom ledger prove 42 > proof.json
    """
    print_json(session(context).api.get(f"/ledger/proof/{seq}"))


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
    file.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
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


def _verify_copy(file: Path, public_key: str | None) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text())
        stored = [Stored(Entry.from_data(line), bytes.fromhex(line["leaf"])) for line in data["entries"]]
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key or data["public_key"]))
        notes = list(data["checkpoints"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            "PR504",
            str(file),
            value=f"is not a copy of a ledger ({error})",
            remedy="Make one with `plantroom ledger export`",
        ) from error
    found = policy.verify(stored, [policy.open_note(note, key) for note in notes])
    return {
        "intact": found.intact,
        "entries": found.entries,
        "checkpoints": found.checkpoints,
        "covered": found.covered,
        "after": found.after,
        "findings": [{"kind": one.kind, "detail": one.detail} for one in found.findings],
    }


def _told(one: dict[str, Any]) -> str:
    payload = one["payload"]
    if one["phase"] == "outcome":
        data = payload.get("data", {})
        more = data.get("why") or data.get("release") or ""
        return f"{'done' if payload.get('done') else 'refused'} {payload.get('why') or more}".strip()
    return str(payload.get("why") or payload.get("release") or "")
