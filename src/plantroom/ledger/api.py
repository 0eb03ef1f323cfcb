"""HTTP routes of the ledger. Reading, proving, and asking for a checkpoint: nobody can write an entry here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from plantroom.ledger.service import Ledger


def router(ledger: Ledger) -> APIRouter:
    routes = APIRouter(prefix="/ledger", tags=["ledger"])

    @routes.get("/entries")
    async def entries(
        limit: Annotated[int, Query(ge=1, le=10000)] = 50, subject: str | None = None
    ) -> list[dict[str, Any]]:
        """The last entries, oldest first; of one subject and what lies below it, if given."""
        return [item.as_data() for item in await ledger.latest(limit, subject)]

    @routes.get("/export")
    async def export() -> dict[str, Any]:
        """Everything that an independent verifier needs."""
        lines = [item.as_data() for item in await ledger.all()]
        return {"entries": lines, "checkpoints": list(ledger.notes().values()), "public_key": ledger.public_key()}

    @routes.get("/verify")
    async def verify() -> dict[str, Any]:
        """Hash everything again and hold it against every checkpoint."""
        return (await ledger.verify()).as_data() | {"key": ledger.fingerprint(), "key_from": "home"}

    @routes.get("/proof/{seq}")
    async def proof(seq: int, size: Annotated[int | None, Query(ge=1)] = None) -> dict[str, Any]:
        """Against the checkpoint of this size, else against the newest."""
        return await ledger.prove(seq, size)

    @routes.post("/checkpoint", status_code=201)
    async def checkpoint() -> dict[str, Any]:
        made = await ledger.checkpoint()
        return {"size": made.size, "root": made.root.hex(), "note": made.note}

    return routes
