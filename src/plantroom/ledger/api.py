"""HTTP routes of the ledger. Reading, proving, and asking for a checkpoint: nobody can write an entry here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from plantroom.ledger.service import Ledger, export_lines


def router(ledger: Ledger) -> APIRouter:
    routes = APIRouter(prefix="/ledger", tags=["ledger"])

    @routes.get("/entries")
    async def entries(
        limit: Annotated[int, Query(ge=1, le=10000)] = 50, subject: str | None = None
    ) -> list[dict[str, Any]]:
        """The last entries, oldest first; of one subject and what lies below it, if given."""
        return export_lines(await ledger.latest(limit, subject))

    @routes.get("/export")
    async def export() -> dict[str, Any]:
        """Everything that an independent verifier needs."""
        lines = export_lines(await ledger.all())
        checkpoints = [checkpoint.note for checkpoint in ledger.checkpoints()]
        return {"entries": lines, "checkpoints": checkpoints, "public_key": ledger.public_key()}

    @routes.get("/verify")
    async def verify() -> dict[str, Any]:
        """Hash everything again and hold it against every checkpoint."""
        found = await ledger.verify()
        return {
            "intact": found.intact,
            "entries": found.entries,
            "checkpoints": found.checkpoints,
            "covered": found.covered,
            "after": found.after,
            "findings": [{"kind": one.kind, "detail": one.detail} for one in found.findings],
        }

    @routes.get("/proof/{seq}")
    async def proof(seq: int) -> dict[str, Any]:
        return await ledger.prove(seq)

    @routes.post("/checkpoint", status_code=201)
    async def checkpoint() -> dict[str, Any]:
        made = await ledger.checkpoint()
        return {"size": made.size, "root": made.root.hex(), "note": made.note}

    return routes
