"""The balancer of the local platform: a real HAProxy before small real servers."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import Admission, MemberSeen, RouteSeen, RouteSpec
from plantroom.platforms.local.balancer import Balancer, LocalPorts
from plantroom.platforms.local.haproxy_config import HOSTS_MAP, Member, Route, encode
from plantroom.platforms.local.traffic import LocalTraffic
from plantroom.runtime.engines import free_ports
from plantroom.runtime.logs import LONGEST_LOG
from plantroom.runtime.processes import wait_until

ENVIRONMENT = "harbour/production"
HOST = "harbour.test"
SPEC = RouteSpec(ENVIRONMENT, (HOST, "www.harbour.test"), "/health")


class Application(ThreadingHTTPServer):
    """Answers with its name; `/slow` after `hold` is set; `/broken` with 500."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str) -> None:
        self.name = name
        self.hold = threading.Event()
        self.forwarded: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """The balancer resets connections that it no longer wants."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Application

    def _answer(self) -> None:
        if self.path == "/slow":
            self.server.hold.wait(20)
        if self.path != "/health":
            proto, source = self.headers["X-Forwarded-Proto"], self.headers["X-Forwarded-For"]
            self.server.forwarded.append(f"{proto} {source}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = self.server.name.encode()
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method is answered in the same way."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        return


@dataclass
class Place:
    traffic: LocalTraffic
    balancer: Balancer
    ports: LocalPorts

    def again(self) -> LocalTraffic:
        """What another process would have."""
        return LocalTraffic(self.balancer.directory.parent, self.balancer.socket.parent, self.ports)

    @asynccontextmanager
    async def client(self, host: str = HOST) -> AsyncIterator[httpx.AsyncClient]:
        base = f"http://127.0.0.1:{self.ports.http}"
        async with httpx.AsyncClient(base_url=base, headers={"Host": host}, timeout=20) as client:
            yield client

    async def get(self, path: str = "/", host: str = HOST) -> httpx.Response:
        async with self.client(host) as client:
            return await client.get(path)

    async def by_hand(self, command: str) -> str:
        return await self.balancer.ask(await self.balancer.current(), command)

    async def route(self) -> RouteSeen:
        (found,) = [one for one in await self.traffic.observe() if one.environment == ENVIRONMENT]
        return found


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(8):
        while not await holds():  # noqa: ASYNC110 -- another process is watched, which sets no event
            await asyncio.sleep(0.01)


async def _in_flight(traffic: LocalTraffic, count: int) -> bool:
    return await traffic.in_flight(ENVIRONMENT, "one") == count


async def _no_old_worker(place: Place) -> bool:
    return not (await place.balancer.workers()).old


@pytest.fixture
def place() -> Iterator[Place]:
    directory = Path(tempfile.mkdtemp(dir="/tmp", prefix="pr-"))
    ports = LocalPorts(*free_ports(2))
    traffic = LocalTraffic(directory, directory / "run", ports)
    try:
        assert traffic.revive() == ["haproxy"]
        yield Place(traffic, Balancer(directory, directory / "run", ports), ports)
    finally:
        traffic.shutdown()
        shutil.rmtree(directory)


@pytest.fixture
def applications() -> Iterator[tuple[Application, Application]]:
    both = (Application("one"), Application("two"))
    threads = [threading.Thread(target=one.serve_forever, args=(0.05,)) for one in both]
    for thread in threads:
        thread.start()
    yield both
    for one in both:
        one.hold.set()
        one.shutdown()
        one.server_close()
    for thread in threads:
        thread.join()


async def test_members_come_and_go_without_a_reload(place: Place, applications: tuple[Application, ...]) -> None:
    one, two = applications
    await place.traffic.route([SPEC])
    worker = await place.balancer.current()
    assert (await place.get()).status_code == 503

    for _ in range(2):
        await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
        await place.traffic.admit(ENVIRONMENT, "two", "127.0.0.1", two.port)
    assert await place.route() == RouteSeen(
        ENVIRONMENT,
        (HOST, "www.harbour.test"),
        False,
        (MemberSeen("one", Admission.ADMITTED, True), MemberSeen("two", Admission.ADMITTED, True)),
    )
    assert {(await place.get()).text for _ in range(6)} == {"one", "two"}

    for _ in range(2):
        await place.traffic.drain(ENVIRONMENT, "one")
    assert {(await place.get()).text for _ in range(4)} == {"two"}
    assert (await place.route()).members[0] == MemberSeen("one", Admission.DRAINING, True)

    for _ in range(2):
        await place.traffic.remove(ENVIRONMENT, "one")
    assert [member.instance for member in (await place.route()).members] == ["two"]
    assert await place.balancer.current() == worker

    await place.traffic.drain(ENVIRONMENT, "never there")
    await place.traffic.remove("no/route", "never there")
    with pytest.raises(PlatformError, match="PR401"):
        await place.traffic.admit("no/route", "one", "127.0.0.1", one.port)
    with pytest.raises(PlatformError, match="PR401"):
        await place.traffic.count("no/route")


async def test_a_member_that_moved_is_followed_and_a_drain_is_ended(
    place: Place, applications: tuple[Application, ...]
) -> None:
    one, two = applications
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "a", "127.0.0.1", one.port)
    await place.traffic.drain(ENVIRONMENT, "a")
    await place.traffic.route([SPEC, RouteSpec("quay/test", ("quay.test",), "/")])
    assert (await place.get()).status_code == 503
    await place.traffic.admit(ENVIRONMENT, "a", "127.0.0.1", two.port)
    assert {(await place.get()).text for _ in range(3)} == {"two"}


async def test_pages(place: Place, applications: tuple[Application, ...]) -> None:
    one, _ = applications
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    worker = await place.balancer.current()

    unknown = await place.get(host="elsewhere.test")
    assert unknown.status_code == 404
    assert "No environment answers to this host name" in unknown.text
    assert (await place.get(host="HARBOUR.test:8080")).text == "one"

    await place.traffic.route([RouteSpec(ENVIRONMENT, (HOST,), "/health", suspended=True)])
    assert (await place.route()).suspended
    suspended = await place.get()
    assert suspended.status_code == 503
    assert suspended.headers["Retry-After"] == "300"
    assert "suspended" in suspended.text

    await place.traffic.route([RouteSpec(ENVIRONMENT, ("renamed.test",), "/health")])
    assert (await place.get()).status_code == 404
    assert (await place.get(host="renamed.test")).text == "one"
    assert await place.balancer.current() == worker, "names and suspension need no reload"
    assert one.forwarded[-1] == "http 127.0.0.1"

    await place.traffic.unroute([ENVIRONMENT, "no/route"])
    assert (await place.get(host="renamed.test")).status_code == 404
    assert await place.traffic.observe() == []


async def test_what_cannot_be_is_refused_and_changes_nothing(place: Place) -> None:
    await place.traffic.route([SPEC])
    with pytest.raises(PlatformError, match="PR402"):
        await place.traffic.route([RouteSpec("quay/test", (HOST,), "/")])
    with pytest.raises(PlatformError, match="PR405"):
        await place.traffic.route([RouteSpec("quay/test", ("a b",), "/")])
    with pytest.raises(PlatformError, match="PR405"):
        await place.traffic.route([RouteSpec("quay/test", ("quay.test",), "/'\n  server evil 127.0.0.1:1")])
    assert [route.environment for route in await place.traffic.observe()] == [ENVIRONMENT]
    # A name may move from one route to another in one step.
    await place.traffic.route([RouteSpec(ENVIRONMENT, (), "/health"), RouteSpec("quay/test", (HOST,), "/")])
    await place.traffic.route([RouteSpec(ENVIRONMENT, (HOST,), "/health"), RouteSpec("quay/test", (), "/")])
    await place.traffic.renew_certificate("quay/test")
    assert {one.environment: one.hosts for one in await place.traffic.observe()} == {
        ENVIRONMENT: (HOST,),
        "quay/test": (),
    }


async def serial_of(place: Place, host: str) -> str:
    """Of the certificate that a client sees who trusts the authority and nothing else."""
    context = ssl.create_default_context(cafile=str(place.traffic.authority))
    reader, writer = await asyncio.open_connection("127.0.0.1", place.ports.https, ssl=context, server_hostname=host)
    writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    serial = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    return str(serial)


async def test_https_with_a_certificate_that_is_renewed_without_a_reload(
    place: Place, applications: tuple[Application, ...]
) -> None:
    one, _ = applications
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    worker = await place.balancer.current()
    first = await serial_of(place, HOST)
    assert one.forwarded[-1] == "https 127.0.0.1"
    assert await serial_of(place, "www.harbour.test") == first

    await place.traffic.renew_certificate(ENVIRONMENT)
    renewed = await serial_of(place, HOST)
    assert renewed != first

    await place.traffic.route([RouteSpec(ENVIRONMENT, ("renamed.test",), "/health")])
    assert await serial_of(place, "renamed.test") != renewed
    assert await place.balancer.current() == worker
    with pytest.raises(PlatformError, match="PR401"):
        await place.traffic.renew_certificate("no/route")
    modes = {path.name: path.stat().st_mode & 0o777 for path in place.balancer.directory.rglob("*.pem")}
    assert set(modes.values()) == {0o600}
    assert (place.balancer.directory / "authority.key").stat().st_mode & 0o777 == 0o600
    assert place.balancer.socket.stat().st_mode & 0o777 == 0o600


async def test_a_drain_lets_what_is_in_flight_finish_over_reloads_under_load(
    place: Place, applications: tuple[Application, ...]
) -> None:
    one, two = applications
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    slow = asyncio.create_task(place.get("/slow"))
    await _until(lambda: _in_flight(place.traffic, 1))

    answers: list[str] = []
    over = asyncio.Event()

    async def post_on() -> None:
        async with place.client() as client:
            while not over.is_set():
                answer = await client.post("/", content=b"x" * 2000)
                answers.append(answer.text if answer.status_code == 200 else f"status {answer.status_code}")
                await asyncio.sleep(0.002)

    posters = [asyncio.create_task(post_on()) for _ in range(6)]
    await asyncio.sleep(0.2)
    # Half of it before the reload, half after, by another process.
    await place.traffic.admit(ENVIRONMENT, "two", "127.0.0.1", two.port)
    await place.traffic.drain(ENVIRONMENT, "one")
    other = place.again()
    workers = {await place.balancer.current()}
    for number in range(3):
        await other.route([RouteSpec(f"quay/test{number}", (f"quay{number}.test",), "/")])
        workers.add(await place.balancer.current())
        assert await other.in_flight(ENVIRONMENT, "one") == 1
    assert len(workers) == 4, "each new route was a reload"
    drained = len(answers)
    await asyncio.sleep(0.3)
    # And a change of members of which an old worker must know: its clients may still send one request each.
    await other.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    await other.route([RouteSpec("quay/test9", ("quay9.test",), "/")])
    await other.drain(ENVIRONMENT, "two")
    await asyncio.sleep(0.3)
    over.set()
    await asyncio.gather(*posters)

    assert set(answers) == {"one", "two"}, "no request failed"
    assert set(answers[drained + 6 : drained + 20]) == {"two"}
    assert not slow.done()
    one.hold.set()
    answer = await slow
    assert (answer.status_code, answer.text) == (200, "one")
    await _until(lambda: _in_flight(other, 0))


async def test_a_connection_from_before_a_reload_knows_of_members_that_changed_after_it(
    place: Place, applications: tuple[Application, ...]
) -> None:
    one, two = applications
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    async with place.client() as kept:
        assert (await kept.get("/")).text == "one"
        await place.traffic.route([RouteSpec("quay/test", ("quay.test",), "/")])
        assert len((await place.balancer.workers()).old) == 1, "the old worker waits for the kept connection"
        await place.traffic.admit(ENVIRONMENT, "two", "127.0.0.1", two.port)
        await place.traffic.drain(ENVIRONMENT, "one")
        answer = await kept.get("/")
        assert (answer.text, answer.headers["Connection"]) == ("two", "close")
        assert two.forwarded == ["http 127.0.0.1"]
    # What a client says of itself is not believed, not even with the header that workers use among themselves.
    async with place.client() as liar:
        await liar.get("/", headers={"X-Forwarded-For": "8.8.8.8", "X-Plantroom-Relay": "guess"})
    assert two.forwarded == ["http 127.0.0.1"] * 2


async def test_what_was_changed_by_hand_is_put_right(place: Place, applications: tuple[Application, ...]) -> None:
    one, two = applications
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    await place.traffic.admit(ENVIRONMENT, "two", "127.0.0.1", two.port)
    backend = encode(ENVIRONMENT)
    for by_hand in (f"set server {backend}/one addr 127.0.0.1 port {two.port}", f"disable health {backend}/one"):
        await place.by_hand(by_hand)
        assert (await place.route()).members[0].admission is Admission.DRAINING
        await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
        assert {one.admission for one in (await place.route()).members} == {Admission.ADMITTED}
    await place.by_hand(f"del map {HOSTS_MAP} {HOST}")
    await place.by_hand(f"set server {backend}/one state maint")
    assert "deleted" in await place.by_hand(f"del server {backend}/one")
    await place.by_hand(f"disable server {backend}/two")
    seen = await place.route()
    assert seen.hosts == ("www.harbour.test",)
    assert [(member.instance, member.admission) for member in seen.members] == [("two", Admission.DRAINING)]
    assert (await place.get()).status_code == 404
    worker = await place.balancer.current()
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    assert [member.admission for member in (await place.route()).members] == [Admission.ADMITTED, Admission.DRAINING]
    await place.traffic.route([SPEC])
    seen = await place.route()
    assert seen.hosts == SPEC.hosts
    assert [member.admission for member in seen.members] == [Admission.ADMITTED] * 2
    assert {(await place.get()).text for _ in range(6)} == {"one", "two"}
    assert await place.balancer.current() == worker


async def test_a_killed_balancer_comes_back_as_it_was(place: Place, applications: tuple[Application, ...]) -> None:
    one, two = applications
    await place.traffic.route([SPEC, RouteSpec("quay/test", ("quay.test",), "/", suspended=True)])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    await place.traffic.admit(ENVIRONMENT, "two", "127.0.0.1", two.port)
    await place.traffic.drain(ENVIRONMENT, "two")
    before = await place.traffic.observe()
    log = place.balancer.directory / "haproxy.log"
    os.truncate(log, LONGEST_LOG + 1)
    assert (place.traffic.revive(), log.stat().st_size > LONGEST_LOG) == ([], False)
    pid, running = place.traffic.state()
    assert pid is not None
    assert running
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not place.traffic.state()[1], 5)
    with pytest.raises(PlatformError, match="PR404"):
        await place.traffic.observe()
    with pytest.raises(PlatformError, match="PR404"):
        await place.traffic.remove(ENVIRONMENT, "one")
    assert place.traffic.revive() == ["haproxy"]
    assert await place.traffic.observe() == before
    assert {(await place.get()).text for _ in range(4)} == {"one"}
    assert (await place.get(host="quay.test")).status_code == 503


async def test_counts_grow_over_a_reload(place: Place, applications: tuple[Application, ...]) -> None:
    one, _ = applications
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    requests = 0
    for number in range(3):
        for path in ("/", "/broken"):
            await place.get(path)
            requests += 1
        count = await place.traffic.count(ENVIRONMENT)
        assert (count.requests, count.errors_5xx) == (requests, requests // 2)
        await place.traffic.route([RouteSpec(f"quay/test{number}", (f"quay{number}.test",), "/")])
    assert (await place.traffic.count(ENVIRONMENT)).requests == requests

    # What an old worker still answers is counted, and stays counted when it has ended.
    slow = asyncio.create_task(place.get("/slow"))
    await _until(lambda: _in_flight(place.traffic, 1))
    async with place.client() as kept:
        await kept.get("/broken")
        await place.traffic.route([RouteSpec("quay/last", ("quaylast.test",), "/")])
        await kept.get("/broken")
        assert len((await place.balancer.workers()).old) == 1
        count = await place.traffic.count(ENVIRONMENT)
        assert (count.requests, count.errors_5xx) == (requests + 2, requests // 2 + 2)
        one.hold.set()
        await slow
    await _until(lambda: _no_old_worker(place))
    after = await place.traffic.count(ENVIRONMENT)
    assert after.requests >= count.requests
    assert after.errors_5xx == count.errors_5xx


async def test_a_member_that_stops_answering_is_down_and_avoided(
    place: Place, applications: tuple[Application, ...]
) -> None:
    one, _ = applications
    (gone,) = free_ports(1)
    await place.traffic.route([SPEC])
    await place.traffic.admit(ENVIRONMENT, "one", "127.0.0.1", one.port)
    await place.traffic.admit(ENVIRONMENT, "gone", "127.0.0.1", gone)
    assert {(await place.get()).status_code for _ in range(4)} == {200}, "a refused connection goes elsewhere"

    async def noticed() -> bool:
        return not (await place.route()).members[0].up

    await _until(noticed)
    assert (await place.route()).members == (
        MemberSeen("gone", Admission.ADMITTED, False),
        MemberSeen("one", Admission.ADMITTED, True),
    )


async def test_several_at_once_lose_nothing(place: Place, applications: tuple[Application, ...]) -> None:
    one, _ = applications
    await place.traffic.route([SPEC])
    takers = [place.traffic, place.again()]
    await asyncio.gather(
        *(takers[n % 2].admit(ENVIRONMENT, f"m{n}", "127.0.0.1", one.port) for n in range(8)),
        *(takers[n % 2].route([RouteSpec(f"quay/test{n}", (f"quay{n}.test",), "/")]) for n in range(4)),
    )
    assert {member.instance for member in (await place.route()).members} == {f"m{n}" for n in range(8)}
    assert len(await place.traffic.observe()) == 5


async def test_one_killed_before_its_reload_is_called_again(
    place: Place, applications: tuple[Application, ...]
) -> None:
    one, _ = applications
    await place.traffic.route([SPEC])
    # All that `route` leaves when it is killed just before the reload.
    wanted = place.balancer.load()
    routes = {**wanted.routes, "quay/test": Route(("quay.test",), "/health", False)}
    place.balancer.save(replace(wanted, routes=routes))

    assert [route.environment for route in await place.traffic.observe()] == [ENVIRONMENT]
    with pytest.raises(PlatformError, match="PR401"):
        await place.traffic.admit("quay/test", "one", "127.0.0.1", one.port)
    await place.traffic.route([RouteSpec("quay/test", ("quay.test",), "/health")])
    assert (await place.get(host="quay.test")).text == "one"


async def test_a_configuration_that_haproxy_refuses_is_never_used(place: Place) -> None:
    await place.traffic.route([SPEC])
    worker = await place.balancer.current()
    wanted = place.balancer.load()
    broken = Route((), "/", False, {"a b": Member("127.0.0.1 bad", 1, True)})
    with pytest.raises(PlatformError, match="PR405"):
        place.balancer.check(replace(wanted, routes={**wanted.routes, "quay/test": broken}))
    assert place.balancer.load() == wanted
    assert await place.balancer.current() == worker
