"""All parts together: instances are replaced one by one, as on a release night, while clients keep on writing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import httpx
import pytest
from tests.contract.conftest import Home
from tests.contract.workshop import SERVERS, environment, instance, route, until

from plantroom.platforms.local.platform import LocalPlatform

pytestmark = pytest.mark.embedded

CLIENTS = 4


@dataclass
class Traffic:
    """Clients that post without a pause, each on a connection that it keeps, and read back what they posted."""

    url: str
    host: str
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    stop: bool = False

    async def run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    async def _client(self, number: int) -> None:
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=10) as client:
            while not self.stop:
                body = f"{number}:{self.answered}"
                try:
                    answer = await client.post(self.url, content=body, headers={"Host": self.host})
                except httpx.TransportError as error:
                    self.failed.append(repr(error))
                    continue
                self.answered += 1
                if answer.status_code != 200 or answer.text != body:
                    self.failed.append(f"{answer.status_code} {answer.text[:80]}")
                await asyncio.sleep(0.005)


async def _start(platform: LocalPlatform, name: str, server: str) -> str:
    spec = instance(name, on=server)
    seen = await platform.workloads.start(spec)

    async def healthy() -> bool:
        return await platform.workloads.healthy(spec.id) is None

    await until(healthy)
    await platform.traffic.admit(name, spec.id, seen.address, seen.port)
    return spec.id


async def _end(platform: LocalPlatform, name: str, old: str) -> None:
    await platform.traffic.drain(name, old)

    async def drained() -> bool:
        return await platform.traffic.in_flight(name, old) == 0

    await until(drained)
    await platform.traffic.remove(name, old)
    await platform.workloads.stop(old)


async def test_every_instance_is_replaced_and_no_request_fails(local: LocalPlatform, home: Home) -> None:
    name = environment()
    await local.traffic.route([route(name)])
    running = {server: await _start(local, name, server) for server in SERVERS}
    counts = [await local.traffic.count(name)]
    traffic = Traffic(f"http://127.0.0.1:{home.ports.http}/", route(name).hosts[0])
    clients = asyncio.ensure_future(traffic.run())
    newcomers = []
    for turn in range(3):
        for server in SERVERS:
            new = await _start(local, name, server)
            if server == SERVERS[0]:
                # A new environment in the middle of it, which the balancer reloads for.
                newcomers.append(environment())
                await local.traffic.route([route(newcomers[-1])])
            await _end(local, name, running[server])
            running[server] = new
            counts.append(await local.traffic.count(name))
        assert traffic.answered > 0, f"nobody was answered before turn {turn} ended"
    traffic.stop = True
    await clients
    assert traffic.failed == []
    requests = [counted.requests for counted in counts]
    assert requests == sorted(requests)
    assert 0 < requests[-1] - requests[0] <= traffic.answered
    assert {counted.errors_5xx for counted in counts} == {0}
    seen = next(seen for seen in await local.traffic.observe() if seen.environment == name)
    assert {member.instance for member in seen.members} == set(running.values())
    await local.traffic.unroute([name, *newcomers])
    for old in running.values():
        await local.workloads.stop(old)
