"""What `plantroom why` says of a client that has nothing, and of one that there is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from plantroom.delivery.trains import api, policy
from plantroom.estate.loader import load

MAIN = """\
estate: {name: small}
people: {ada: {name: Ada Lovelace, account: ada}}
applications: {site: {release: "1", processes: {web: {}}}}
stages: {uat: {}}
regions: {north: {}}
server_pools: {mesh: {region: north, servers: 1}}
rings: [{name: pilot}]
clients:
  harbour:
    ring: pilot
    environments: {uat: {application: site, hosts: [harbour.example.com], state: STATE}}
"""
PLAN = "`plantroom plan` shows what an apply would do"


@pytest.mark.parametrize(
    ("state", "because", "after"),
    [
        ("live", "it was not applied yet", PLAN),
        *(
            (state, f"it is declared as {state}, and was never live: nothing of it is made", "nothing until it is")
            for state in ("suspended", "retired")
        ),
    ],
)
def test_one_that_was_never_live_is_not_waiting_for_an_apply(
    tmp_path: Path, state: str, because: str, after: str
) -> None:
    (tmp_path / "estate.yaml").write_text(MAIN.replace("STATE", state))
    estate = load(tmp_path).estate
    (place,) = policy.not_yet(estate, "harbour", set())
    told = policy.of_new(estate, place, [], None)
    assert (told["status"], told["because"]) == ("declared", because)
    assert told["next"].startswith(after)


@pytest.mark.parametrize(("path", "client"), [("", ""), ("..%2Fx", "../x"), ("a%2Fb", "a/b"), ("harbour", "harbour")])
async def test_whatever_is_asked_for_is_a_client(path: str, client: str) -> None:
    class Service:
        async def why(self, client: str) -> dict[str, Any]:
            return {"asked": client}

    app = FastAPI()
    app.include_router(api.router(Service()))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plantroom") as asking:
        assert (await asking.get(f"/why/{path}")).json() == {"asked": client}
