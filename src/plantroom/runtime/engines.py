"""The embedded engines of the control plane: PostgreSQL and Temporal from wheels, each in a session of its own.

They outlive whoever started them. The next one adopts them by process id and start time; one that has died is started
again. With an address of one's own in the settings, an engine is not started here at all.
"""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass, replace

import psycopg

from plantroom.kernel.errors import EngineError
from plantroom.runtime.binaries import temporal_binary
from plantroom.runtime.database import migrate
from plantroom.runtime.left_behind import TURNED_OFF, Tidy
from plantroom.runtime.logs import keep_short
from plantroom.runtime.postgres import Cluster
from plantroom.runtime.processes import Daemon
from plantroom.runtime.settings import Settings
from plantroom.runtime.temporal import connect

_DATABASE = "plantroom"
_TEMPORAL_PATIENCE_S = 60
"""A first start on a busy machine; 3 to 4 s on an idle one."""

_TIDY_EVERY = 3
"""Looks between two for what strangers have left in Temporal."""

_OWN_PATIENCE_S = 10
"""For a Temporal of one's own that starts together with Plantroom."""


@dataclass(frozen=True, slots=True)
class EngineState:
    name: str
    pid: int | None
    running: bool
    detail: str


class Engines:
    """What `up` starts and watches, and `down` ends."""

    def __init__(self, settings: Settings) -> None:
        self._given = settings
        self._home = settings.home
        self._directory = settings.home / "engines"
        self._cluster = Cluster(self._directory / "postgres", settings.run, "control")
        self._temporal = Daemon("temporal", self._directory / "temporal")
        self._tidy = Tidy()
        self._looks = 0

    async def start(self, new_temporal: bool = False) -> Settings:
        """Start or adopt what is not given; returns the settings with every address filled in. Raises EngineError.

        `new_temporal`: a Temporal of ours forgets all that it has. What is under way is started again from PostgreSQL.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        if new_temporal and self._given.temporal_address is None:
            await asyncio.to_thread(self._forget_temporal)
        ports = self._ports()
        if self._given.temporal_address is None and not self._temporal.alive() and not port_free(ports["temporal"]):
            # Nobody but the parts that start now needs to know where it is.
            ports = self._choose_ports({**ports, "temporal": free_ports(1)[0]})
        settings = replace(
            self._given,
            http_port=self._given.http_port or ports["http"],
            https_port=self._given.https_port or ports["https"],
        )
        # What is given is tried before what is not is started: an address that is wrong leaves nothing running.
        if settings.temporal_address is not None:
            own = settings.temporal_address, settings.temporal_namespace, settings.temporal_key
            await connect(*own, patience_s=_OWN_PATIENCE_S)
        if settings.database_url is None:
            settings = replace(settings, database_url=await asyncio.to_thread(self._start_postgres))
        assert settings.database_url is not None
        await asyncio.to_thread(migrate, settings.database_url)
        if settings.temporal_address is None:
            await self._start_temporal(ports["temporal"])
            settings = replace(settings, temporal_address=f"127.0.0.1:{ports['temporal']}")
        return settings

    async def revive(self) -> list[str]:
        """Start again what has died; the names of what was. Keeps the logs short."""
        self._cluster.keep_log_short()
        for log in (self._home / "logs").glob("*.log"):
            keep_short(log)
        revived = []
        if self._given.database_url is None and not self._cluster.alive():
            await asyncio.to_thread(self._start_postgres)
            revived.append("postgres")
        if self._given.temporal_address is None and not await self._temporal_serves():
            await self._start_temporal(self._ports()["temporal"])
            revived.append("temporal")
        return revived

    async def _temporal_serves(self) -> bool:
        if not self._temporal.alive():
            return False
        return await self._tidy.serves(self._ports()["temporal"])

    async def tidy(self) -> list[str]:
        """Take away what strangers have left in a Temporal of ours; what it was."""
        self._looks += 1
        if self._given.temporal_address is not None or self._looks % _TIDY_EVERY:
            return []
        return await self._tidy.tidy(self._ports()["temporal"])

    async def stop(self) -> None:
        await asyncio.to_thread(self._temporal.stop, 10)
        await asyncio.to_thread(self._cluster.stop)

    def states(self) -> list[EngineState]:
        found = []
        if self._given.database_url is None:
            found.append(EngineState("postgres", self._cluster.pid(), self._cluster.alive(), "state and ledger"))
        if self._given.temporal_address is None:
            found.append(EngineState("temporal", self._temporal.pid(), self._temporal.alive(), "durable workflows"))
        return found

    def addresses(self) -> Settings:
        """The settings as `start` filled them in, without starting anything. For status and down."""
        ports = self._ports()
        return replace(
            self._given,
            http_port=self._given.http_port or ports["http"],
            https_port=self._given.https_port or ports["https"],
            database_url=self._given.database_url or self._cluster.url(self._cluster.superuser, _DATABASE),
            temporal_address=self._given.temporal_address or f"127.0.0.1:{ports['temporal']}",
        )

    def _start_postgres(self) -> str:
        self._cluster.start()
        with psycopg.connect(self._cluster.url(self._cluster.superuser, "postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,)).fetchone()
            if there is None:
                connection.execute(f"CREATE DATABASE {_DATABASE}")
                connection.execute(f"REVOKE CONNECT ON DATABASE {_DATABASE} FROM PUBLIC")
        return self._cluster.url(self._cluster.superuser, _DATABASE)

    async def _start_temporal(self, port: int) -> None:
        if not await self._temporal_serves():
            if self._temporal.alive():
                await asyncio.to_thread(self._forget_temporal)
            state = self._directory / "temporal"
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            command = [
                str(temporal_binary()),
                *("server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)),
                *("--db-filename", str(state / "temporal.db"), "--log-level", "warn"),
                # Its default journal falls to a tenth of the speed on a busy disk.
                *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"),
                # Its default makes a workflow wait for minutes when its worker was killed a few times in a row.
                *("--dynamic-config-value", 'history.workflowTaskRetryMaxInterval="1s"'),
                *TURNED_OFF,
            ]
            if not port_free(port):
                raise EngineError(
                    "PR806",
                    "Temporal",
                    value=f"does not start: somebody else listens on 127.0.0.1:{port}",
                    remedy="End that, or start `plantroom up` again: it takes another port",
                )
            self._temporal.spawn(command, log=self._home / "logs" / "temporal.log")
        await self._temporal_answers(port)

    def _forget_temporal(self) -> None:
        self._temporal.stop(10)
        for file in (self._directory / "temporal").glob("temporal.db*"):
            file.unlink()

    def _ports(self) -> dict[str, int]:
        """Free ports, chosen once and kept, so that addresses stay the same from start to start."""
        path = self._home / "ports.json"
        if not path.exists():
            return self._choose_ports(dict(zip(("temporal", "http", "https"), free_ports(3), strict=True)))
        found: dict[str, int] = json.loads(path.read_text())
        return found

    def _choose_ports(self, ports: dict[str, int]) -> dict[str, int]:
        path = self._home / "ports.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ports) + "\n")
        return ports

    async def _temporal_answers(self, port: int) -> None:
        """Raises EngineError PR806; also when something else has its port, whatever that answers."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _TEMPORAL_PATIENCE_S
        while True:
            if not self._temporal.alive():
                raise EngineError(
                    "PR806", "Temporal", value="ended when it was started", remedy="See logs/temporal.log"
                )
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError as error:
                if loop.time() >= until:
                    raise EngineError(
                        "PR806", "Temporal", value=f"does not answer on port {port}", remedy="See logs/temporal.log"
                    ) from error
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def free_ports(count: int) -> list[int]:
    """TCP ports on loopback that nobody listens on now; all different."""
    listeners = [socket.socket() for _ in range(count)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def port_free(port: int) -> bool:
    """Whether nobody listens on a TCP port of loopback; one that lets others listen too is not free either."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
