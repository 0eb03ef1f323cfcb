"""Instances on local servers: programs of the server's supervisor, each on a TCP port of its own on loopback."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import ssl
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from plantroom.kernel.errors import ArtefactError, PlatformError
from plantroom.platforms.contract import ArtefactSource, InstanceSeen, InstanceSpec, ProcessKind, Running
from plantroom.platforms.local import launcher, records
from plantroom.platforms.local.listeners import strangers
from plantroom.platforms.local.ports import ADDRESS, Ports
from plantroom.platforms.local.servers import LocalMachines, Server
from plantroom.platforms.local.supervision import BAD_NAME, ENDED, Away, ProcessState, SupervisorFault, program_config

HEALTH_TIMEOUT_S = 2.0
WORDS_OF_HEALTH = 200
"""Characters of an unhealthy answer that are passed on: enough for a reason, too few for a page."""
_TAIL = 2000
"""Bytes of a log in which its last line is."""
STOP_MARGIN_S = 5.0
"""Beyond its grace: for the supervisor to notice, kill and reap."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Health is asked over plain HTTP; made once, since a client would make one of its own for every question."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


class LocalWorkloads:
    """The contract's Workloads. Memory and CPU are what placement counts with; nothing here enforces them."""

    def __init__(self, home: Path, machines: LocalMachines, artefacts: ArtefactSource) -> None:
        self._ports = Ports(home)
        self._machines = machines
        self._artefacts = artefacts

    async def observe(self) -> Sequence[InstanceSeen]:
        parts = await asyncio.gather(*(self._on(server) for server in self._machines.servers()))
        return sorted((seen for part in parts for seen in part), key=lambda seen: seen.id)

    async def find(self, instance: str) -> InstanceSeen | None:
        found = next(self._find(instance), None)
        if found is None:
            return None
        server, record = found
        return _seen(record, await self._state(server, instance), server)

    async def start(self, spec: InstanceSpec) -> InstanceSeen:
        if not _ID.fullmatch(spec.id):
            raise PlatformError("PR405", f"instance {spec.id!r}", value="cannot be a file's name")
        server = self._machines.server(spec.server)
        if server is None:
            raise PlatformError("PR401", f"server {spec.server}", value="is not there")
        async with records.locked(server.instances / f".{spec.id}.lock"):
            there = records.read(server.instances / f"{spec.id}.json")
            # Written before its supervisor hears of it, and removed after it has forgotten it.
            state = None if there is None else await self._state(server, spec.id)
            # One that ends again and again is looked at anew: its artefact may have been altered.
            if there is not None and state not in (None, ProcessState.BACKOFF, *ENDED):
                return _seen(there, state, server)
            app = server.directory / "artefacts" / spec.artefact.replace(":", "-")
            try:
                await self._artefacts.unpack(spec.artefact, app)
            except ArtefactError as error:
                raise PlatformError("PR405", f"instance {spec.id}", value=str(error)) from error
            record = self._record(spec, server, app)
            records.write(server.instances / f"{spec.id}.json", record)
            conf = server.instances / f"{spec.id}.conf"
            records.write_text(conf, _config(spec, server))
            return _seen(record, await self._run(server, spec, conf), server)

    async def stop(self, instance: str) -> None:
        for server, record in self._find(instance):
            async with records.locked(server.instances / f".{instance}.lock"):
                # First, so that a supervisor that starts in the middle of this does not bring it back.
                (server.instances / f"{instance}.conf").unlink(missing_ok=True)
                await self._end(server, instance, record["process"]["stop_grace_s"])
                self._ports.release(instance, record["port"])
                (server.instances / f"{instance}.starts").unlink(missing_ok=True)
                (server.instances / f"{instance}.json").unlink(missing_ok=True)
            (server.instances / f".{instance}.lock").unlink(missing_ok=True)

    async def healthy(self, instance: str) -> str | None:
        found = next(self._find(instance), None)
        if found is None:
            raise PlatformError("PR401", f"instance {instance}", value="is not there")
        server, record = found
        state = await self._state(server, instance)
        if record["process"]["kind"] != ProcessKind.WEB:
            if state is ProcessState.RUNNING:
                return None
            return _ended(server, instance, f"its process is {_words(state)}, not yet running for 1 s")
        # Asked first: another process may answer on the port of one that has ended.
        if state not in (ProcessState.RUNNING, ProcessState.STARTING):
            return _ended(server, instance, f"its process is {_words(state)}")
        port = record["port"]
        why = await _ask(f"http://{ADDRESS}:{port}{record['process']['health_path'] or '/'}")
        # Whatever it answers: nothing that it is told is meant for somebody else.
        if account := strangers([port]):
            return f"account {account[port]} listens on its port {port} in its place"
        return why

    def _find(self, instance: str) -> Iterator[tuple[Server, dict[str, Any]]]:
        for server in self._machines.servers():
            record = records.read(server.instances / f"{instance}.json")
            if record is not None:
                yield server, record

    async def _on(self, server: Server) -> list[InstanceSeen]:
        states: dict[str, ProcessState] = {}
        try:
            for one in await server.call("supervisor.getAllProcessInfo"):
                states[one["name"]] = ProcessState(one["state"])
        except Away:
            pass
        found = [records.read(path) for path in server.instances.glob("*.json")]
        return [_seen(record, states.get(record["id"]), server) for record in found if record is not None]

    async def _state(self, server: Server, instance: str) -> ProcessState | None:
        """None when the supervisor does not know it, or is not there: then it does not run either."""
        try:
            return ProcessState((await server.call("supervisor.getProcessInfo", instance))["state"])
        except Away:
            return None
        except SupervisorFault as fault:
            if fault.code == BAD_NAME:
                return None
            raise PlatformError("PR404", f"instance {instance}", value=str(fault)) from fault

    async def _run(self, server: Server, spec: InstanceSpec, conf: Path) -> ProcessState:
        try:
            return ProcessState(await server.call("plantroom.start", spec.id, str(conf), _variables(spec)))
        except Away as error:
            raise PlatformError(
                "PR404", f"server {server.name}", value="its supervisor does not answer", remedy="It will be revived"
            ) from error
        except SupervisorFault as fault:
            raise PlatformError("PR405", f"instance {spec.id}", value=str(fault)) from fault

    async def _end(self, server: Server, instance: str, grace_s: int) -> None:
        deadline = time.monotonic() + max(1, grace_s) + STOP_MARGIN_S
        pause = 0.01
        try:
            while not await server.call("plantroom.end", instance):
                if time.monotonic() > deadline:
                    raise PlatformError("PR403", f"instance {instance}", value="does not end", remedy="Try again")
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.1)
        except Away:
            if server.pid() is not None:
                raise PlatformError("PR404", f"server {server.name}", value="its supervisor does not answer") from None
        except SupervisorFault as fault:
            raise PlatformError("PR404", f"instance {instance}", value=str(fault)) from fault

    def _record(self, spec: InstanceSpec, server: Server, app: Path) -> dict[str, Any]:
        port = self._ports.claim(spec.id) if spec.process.kind is ProcessKind.WEB else 0
        return {
            "id": spec.id,
            "environment": spec.environment,
            "process": asdict(spec.process),
            "slot": spec.slot,
            "server": spec.server,
            "artefact": spec.artefact,
            "app": str(app),
            "port": port,
            "variables": dict(spec.variables),
            "template": dict(spec.template),
            "secrets": {name: asdict(reference) for name, reference in spec.secrets.items()},
            "starts": str(server.instances / f"{spec.id}.starts"),
        }


async def _ask(url: str) -> str | None:
    try:
        async with httpx.AsyncClient(verify=_NO_TLS, trust_env=False, timeout=HEALTH_TIMEOUT_S) as client:
            answer = await client.get(url)
    except httpx.TransportError as error:
        return f"{url}: {type(error).__name__} {error}".rstrip()
    if answer.status_code == httpx.codes.OK:
        return None
    said = " ".join(answer.text.split())[:WORDS_OF_HEALTH]
    return f"{url} answers {answer.status_code}: {said}" if said else f"{url} answers {answer.status_code}"


def _ended(server: Server, instance: str, why: str) -> str:
    """With what the launcher said, if it could not begin at all; what the application says may be anything, a secret
    too, and stays in its log."""
    log = server.log(instance)
    try:
        last = log.read_bytes()[-_TAIL:].decode(errors="replace").splitlines()[-1:]
    except FileNotFoundError:
        last = []
    said = [line.removeprefix(launcher.SAYS) for line in last if line.startswith(launcher.SAYS)]
    return f"{why}: {said[0]}" if said else f"{why}; its log is {log}"


def _variables(spec: InstanceSpec) -> dict[str, str]:
    """What the instance's secrets are read from and is in the environment here, in base64. Its server was started with
    an older one maybe; it hears of them over its own socket, so that their values are in no file."""
    names = {reference.env for reference in spec.secrets.values()}
    return {
        name: base64.b64encode(os.environb[key]).decode()
        for name in names
        if name and (key := name.encode()) in os.environb
    }


def _config(spec: InstanceSpec, server: Server) -> str:
    command = [sys.executable, "-I", "-S", str(Path(launcher.__file__)), str(server.instances / f"{spec.id}.json")]
    return program_config(spec.id, [*command, str(server.pid_file)], server.directory, spec.process.stop_grace_s)


def _seen(record: Mapping[str, Any], state: ProcessState | None, server: Server) -> InstanceSeen:
    if state is ProcessState.RUNNING:
        running = Running.RUNNING
    else:
        running = Running.STARTING if state is ProcessState.STARTING else Running.STOPPED
    starts = Path(record["starts"])
    return InstanceSeen(
        id=record["id"],
        environment=record["environment"],
        process=record["process"]["name"],
        kind=ProcessKind(record["process"]["kind"]),
        slot=record["slot"],
        server=server.name,
        artefact=record["artefact"],
        state=running,
        address=ADDRESS,
        port=record["port"],
        started=starts.stat().st_size if starts.exists() else 0,
    )


def _words(state: ProcessState | None) -> str:
    return "not known to its server" if state is None else state.name.lower()
