"""Steady traffic for every client through the balancer, counted: HTTP and HTTPS, kept and new connections, reads and
writes. Stops by itself when its time is over or when it is told to; never more than its rate.

Run by the demo and the tests as a process of its own:

    python examples/traffic.py --http 8080 --https 8443 --ca ca.pem --seconds 60 --rate 120 --report out.json HOST…
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx

SLOWEST_ANSWER_S = 15


@dataclass
class Count:
    """What came of one host's requests. `written` are the references of writes that were acknowledged."""

    host: str
    requests: int = 0
    failed: int = 0
    slowest_ms: int = 0
    failures: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)


@dataclass
class Way:
    """One way in: a scheme, and whether connections are kept."""

    scheme: str
    port: int
    keep: bool


class Traffic:
    def __init__(self, hosts: list[str], ways: list[Way], ca: Path, rate: int, mark: str) -> None:
        self._ways = ways
        self._pause = len(hosts) * len(ways) / rate
        self._mark = mark
        self._trust = ssl.create_default_context(cafile=str(ca))
        self.counts = {host: Count(host) for host in hosts}
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """One task for each host and way, spread over the pause so that the rate is steady."""
        tasks = [
            asyncio.create_task(self._one(host, way, place))
            for place, (host, way) in enumerate((host, way) for host in self.counts for way in self._ways)
        ]
        await asyncio.gather(*tasks)

    async def _one(self, host: str, way: Way, place: int) -> None:
        await asyncio.sleep(self._pause * place / (len(self.counts) * len(self._ways)))
        client = self._client(way)
        due = time.monotonic()
        number = 0
        while not self.stop.is_set():
            if not way.keep and number:
                await client.aclose()
                client = self._client(way)
            await self._ask(client, host, way, number)
            number += 1
            due += self._pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await client.aclose()

    def _client(self, way: Way) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=self._trust if way.scheme == "https" else False, timeout=SLOWEST_ANSWER_S, trust_env=False
        )

    async def _ask(self, client: httpx.AsyncClient, host: str, way: Way, number: int) -> None:
        count = self.counts[host]
        base = f"{way.scheme}://127.0.0.1:{way.port}"
        named = {"headers": {"host": host}, "extensions": {"sni_hostname": host}}
        reference = f"{self._mark}-{way.scheme}-{int(way.keep)}-{number}"
        began = time.monotonic()
        try:
            if number % 3 == 0:
                order = {"title": f"Order {reference}", "reference": reference}
                answer = await client.post(f"{base}/api/work-orders", json=order, **named)
            elif number % 3 == 1:
                answer = await client.get(f"{base}/", **named)
            else:
                answer = await client.get(f"{base}/api/work-orders", params={"reference": reference}, **named)
        except httpx.HTTPError as error:
            self._failed(count, f"{type(error).__name__}: {error}")
        else:
            if answer.is_success:
                if number % 3 == 0:
                    count.written.append(reference)
                release = answer.headers.get("x-release", "")
                if release and (not count.releases or count.releases[-1] != release):
                    count.releases.append(release)
            else:
                self._failed(count, f"{answer.request.method} {answer.request.url.path} {answer.status_code}")
        count.requests += 1
        count.slowest_ms = max(count.slowest_ms, round((time.monotonic() - began) * 1000))

    def _failed(self, count: Count, what: str) -> None:
        count.failed += 1
        if len(count.failures) < 20:
            count.failures.append(f"{time.strftime('%H:%M:%S')} {what}")


async def main(given: argparse.Namespace) -> None:
    ways = [
        Way("http", given.http, True),
        Way("https", given.https, True),
        Way("http", given.http, False),
        Way("https", given.https, False),
    ]
    traffic = Traffic(given.hosts, ways, given.ca, given.rate, given.mark)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, traffic.stop.set)
    loop.call_later(given.seconds, traffic.stop.set)
    began = time.monotonic()
    await traffic.run()
    seconds = time.monotonic() - began
    report = {"seconds": seconds, "hosts": [asdict(count) for count in traffic.counts.values()]}
    given.report.write_text(json.dumps(report))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--https", type=int, required=True)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=120, help="requests a second, all hosts together")
    parser.add_argument("--mark", default="t", help="the beginning of every reference written")
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("hosts", nargs="+")
    asyncio.run(main(parser.parse_args()))
