"""What only real processes can show: servers that die with their instances, and what an instance is given."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.conftest import Home
from tests.contract.workshop import WORKER, environment, instance, server, until

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import InstanceSeen, ProcessKind, ProcessSpec, Running, SecretRef
from plantroom.platforms.local.platform import LocalPlatform

pytestmark = pytest.mark.embedded


async def _about(seen: InstanceSeen) -> Any:
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        return (await client.get(f"http://{seen.address}:{seen.port}/")).json()


async def _seen(platform: LocalPlatform, name: str) -> InstanceSeen:
    return next(seen for seen in await platform.workloads.observe() if seen.id == name)


async def _why(platform: LocalPlatform, name: str) -> str:
    return await platform.workloads.healthy(name) or ""


async def _healthy(platform: LocalPlatform, name: str) -> None:
    async def holds() -> bool:
        return await platform.workloads.healthy(name) is None

    await until(holds)


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _pid_of(platform: LocalPlatform, engine: str) -> int:
    pid = next(one.pid for one in platform.engines() if one.name == engine)
    assert pid is not None
    return pid


async def test_instances_end_with_their_supervisor_and_come_back_with_it(new_home: Home) -> None:
    platform = new_home.platform()
    await platform.machines.create(server())
    spec, worker = instance(environment()), instance(environment(), WORKER)
    before = await platform.workloads.start(spec)
    await platform.workloads.start(worker)
    await _healthy(platform, spec.id)
    pid = (await _about(before))["pid"]

    os.kill(_pid_of(platform, f"server {spec.server}"), signal.SIGKILL)

    async def ended() -> bool:
        return _gone(pid)

    await until(ended)
    assert [seen.running for seen in await platform.machines.observe()] == [False]
    assert {seen.state for seen in await platform.workloads.observe()} == {Running.STOPPED}
    assert await platform.workloads.healthy(spec.id) is not None
    with pytest.raises(PlatformError) as caught:
        await platform.workloads.start(instance(environment()))
    assert caught.value.code == "PR404"

    assert await new_home.platform().machines.revive() == [f"server {spec.server}"]
    assert await platform.machines.revive() == []
    await _healthy(platform, spec.id)
    after = await _seen(platform, spec.id)
    assert (after.port, after.started) == (before.port, 2)
    assert (await _about(after))["pid"] != pid


async def test_another_process_adopts_everything(new_home: Home) -> None:
    first = new_home.platform()
    await first.machines.create(server())
    spec = instance(environment())
    await first.workloads.start(spec)
    await _healthy(first, spec.id)
    pid = _pid_of(first, f"server {spec.server}")

    second = new_home.platform()
    assert await second.machines.revive() == []
    assert _pid_of(second, f"server {spec.server}") == pid
    assert await second.workloads.start(spec) == await _seen(first, spec.id)
    assert (await _seen(second, spec.id)).started == 1


async def test_a_supervisor_whose_record_was_lost_is_adopted(new_home: Home) -> None:
    platform = new_home.platform()
    await platform.machines.create(server())
    pid = _pid_of(platform, f"server {server().name}")
    for record in (new_home.path / "servers" / server().name).glob("supervisor.json"):
        record.unlink()
    assert [seen.running for seen in await platform.machines.observe()] == [False]
    await platform.machines.create(server())
    assert _pid_of(platform, f"server {server().name}") == pid


async def test_shutdown_ends_everything_and_revive_starts_it_again(new_home: Home) -> None:
    platform = new_home.platform()
    await platform.machines.create(server())
    spec = instance(environment())
    seen = await platform.workloads.start(spec)
    await _healthy(platform, spec.id)
    pid = (await _about(seen))["pid"]
    await platform.revive()
    assert all(one.running for one in platform.engines())
    await platform.shutdown()
    assert _gone(pid)
    assert not any(one.running for one in platform.engines())
    assert await platform.revive() == ["haproxy", f"server {spec.server}"]
    await _healthy(platform, spec.id)


async def test_many_starts_at_once_start_one(local: LocalPlatform, home: Home) -> None:
    spec = instance(environment())
    seen = await asyncio.gather(*(home.platform().workloads.start(spec) for _ in range(5)))
    assert len({one.port for one in seen}) == 1
    await _healthy(local, spec.id)
    assert (await _seen(local, spec.id)).started == 1
    await local.workloads.stop(spec.id)


async def test_what_an_instance_is_given(new_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_MAIL", "s3cret-of-this-client")
    monkeypatch.setenv("VAULT_OTHER", "s3cret-of-another")
    (new_home.path / "key").write_text("k3y\n")
    platform = new_home.platform()
    await platform.machines.create(server())
    spec = instance(
        environment(),
        variables={"GREETING": "{app} on {port}"},
        template={"PYTHONPATH": "{app}/lib", "CALLBACK": "http://localhost:{port}/", "PLANTROOM_WORKDIR": "{app}"},
        secrets={"MAIL_PASSWORD": SecretRef(env="VAULT_MAIL"), "KEY": SecretRef(file=str(new_home.path / "key"))},
    )
    seen = await platform.workloads.start(spec)
    await _healthy(platform, spec.id)
    about = await _about(seen)
    given = about["variables"]
    assert given["PORT"] == str(seen.port)
    assert given["GREETING"] == "{app} on {port}"
    assert given["CALLBACK"] == f"http://localhost:{seen.port}/"
    assert given["PYTHONPATH"] == f"{about['directory']}/lib"
    assert (given["MAIL_PASSWORD"], given["KEY"]) == ("s3cret-of-this-client", "k3y")
    assert not {"VAULT_MAIL", "VAULT_OTHER"} & given.keys()
    # The values are in no file below the home, but for the one that a person put there.
    for path in (new_home.path / "servers").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"s3cret" not in content, path
            assert b"k3y" not in content, path


async def test_a_secret_that_came_after_its_server_is_given(new_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts an instance has it, the server has not: no server needs to be started anew for it."""
    monkeypatch.delenv("VAULT_LATE", raising=False)
    platform = new_home.platform()
    await platform.machines.create(server())
    spec = instance(environment(), secrets={"MAIL": SecretRef(env="VAULT_LATE")})
    await platform.workloads.start(spec)

    async def refused() -> bool:
        return "secret MAIL: there is no environment variable VAULT_LATE" in await _why(platform, spec.id)

    await until(refused)
    monkeypatch.setenv("VAULT_LATE", "l4te\x01 «secret»")
    seen = await platform.workloads.start(spec)
    await _healthy(platform, spec.id)
    about = await _about(seen)
    assert about["variables"]["MAIL"] == "l4te\x01 «secret»"
    os.kill(about["pid"], signal.SIGKILL)  # and its supervisor starts it again with the same

    async def again() -> bool:
        return await platform.workloads.healthy(spec.id) is None and (await _about(seen))["pid"] != about["pid"]

    await until(again)
    assert (await _about(seen))["variables"]["MAIL"] == "l4te\x01 «secret»"
    monkeypatch.setenv("VAULT_LATE", "n3w")
    other = await platform.workloads.start(instance(environment(), secrets={"MAIL": SecretRef(env="VAULT_LATE")}))
    await _healthy(platform, other.id)
    assert (await _about(other))["variables"]["MAIL"] == "n3w"
    for path in new_home.path.rglob("*"):
        if path.is_file():
            assert b"l4te" not in path.read_bytes(), path


async def test_a_missing_secret_is_named_in_the_log(local: LocalPlatform, home: Home) -> None:
    spec = instance(environment(), secrets={"MAIL_PASSWORD": SecretRef(env="NOT_THERE_AT_ALL")})
    await local.workloads.start(spec)
    log = home.path / "servers" / spec.server / "logs" / f"{spec.id}.log"

    async def told() -> bool:
        return (
            log.exists() and "no environment variable NOT_THERE_AT_ALL; start `plantroom up` with it" in log.read_text()
        )

    await until(told)
    assert await local.workloads.healthy(spec.id) is not None
    await local.workloads.stop(spec.id)


async def test_an_instance_that_does_not_want_to_end_is_killed_after_its_grace(local: LocalPlatform) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    stubborn = ProcessSpec("worker", ProcessKind.WORKER, ("{python}", "-S", "-c", code), stop_grace_s=1)
    spec = instance(environment(), stubborn)
    await local.workloads.start(spec)
    await _healthy(local, spec.id)
    began = asyncio.get_running_loop().time()
    await local.workloads.stop(spec.id)
    assert 0.9 < asyncio.get_running_loop().time() - began < 5
    assert spec.id not in [seen.id for seen in await local.workloads.observe()]


SLOW = "import os, signal, sys, time; f = open(sys.argv[1], 'a', buffering=1); f.write(f'{os.getpid()}\\n')\n" + (
    "def end(*_): time.sleep(1); f.write('ended\\n'); sys.exit()\nsignal.signal(signal.SIGTERM, end)\ntime.sleep(600)"
)
"""Needs a second to end."""


def wrapped(log: Path, *, ends: str = "; true", grace: int = 5) -> ProcessSpec:
    """A program below a shell, which ends at once when it is asked to."""
    command = ("sh", "-c", f'python3 -S -c "$0" {log}{ends}', SLOW)
    return ProcessSpec("worker", ProcessKind.WORKER, command, "", 0, grace)


def _said(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


async def _lines(log: Path, count: int) -> list[str]:
    async def holds() -> bool:
        return len(_said(log)) >= count

    await until(holds)
    return _said(log)


@pytest.mark.parametrize(("grace", "says"), [(5, ["ended"]), (1, [])])
async def test_it_has_ended_when_all_that_it_started_has(
    local: LocalPlatform, tmp_path: Path, grace: int, says: list[str]
) -> None:
    log = tmp_path / "log"
    if not says:
        log.write_text("")
    spec = instance(environment(), wrapped(log, grace=grace) if says else wrapped(log, ends=" & wait", grace=grace))
    await local.workloads.start(spec)
    (pid, *_) = await _lines(log, 1)
    if not says:
        os.kill(int(pid), signal.SIGSTOP)
    await local.workloads.stop(spec.id)
    assert _gone(int(pid))
    assert _said(log)[1:] == says


async def test_what_an_instance_started_ends_when_it_ends_by_itself(local: LocalPlatform, tmp_path: Path) -> None:
    log = tmp_path / "log"
    spec = instance(environment(), wrapped(log, ends=" & sleep 2; exit 1"))
    await local.workloads.start(spec)
    (first, *_) = await _lines(log, 1)
    (_, second, *_) = await _lines(log, 2)
    assert _gone(int(first))
    assert int(second) != int(first)
    await local.workloads.stop(spec.id)


async def test_what_an_instance_started_does_not_outlive_its_server(new_home: Home, tmp_path: Path) -> None:
    platform = new_home.platform()
    log = tmp_path / "log"
    await platform.machines.create(server())
    spec = instance(environment(), wrapped(log))
    await platform.workloads.start(spec)
    (first, *_) = await _lines(log, 1)
    os.kill(_pid_of(platform, f"server {spec.server}"), signal.SIGKILL)

    async def down() -> bool:
        return [seen.running for seen in await platform.machines.observe()] == [False]

    await until(down)
    await platform.machines.revive()
    (_, second, *_) = await _lines(log, 2)
    assert _gone(int(first))
    await platform.shutdown()
    assert _gone(int(second))


async def test_supervisors_listen_to_their_owner_only(local: LocalPlatform) -> None:
    for one in local.machines.servers():
        assert stat.S_IMODE(one.socket.stat().st_mode) == 0o600
