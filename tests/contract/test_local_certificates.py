"""Certificates of the local platform are renewed in time, in a running HAProxy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from plantroom.platforms.contract import RouteSpec
from plantroom.platforms.local.balancer import LocalPorts
from plantroom.platforms.local.certificates import serial
from plantroom.platforms.local.haproxy_config import certificate_file
from plantroom.platforms.local.traffic import LocalTraffic
from plantroom.runtime.clock import now
from plantroom.runtime.engines import free_ports

NAMES = ("a/production", "b/production")


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


async def test_a_certificate_is_renewed_when_it_has_less_than_a_month_to_live(home: Path) -> None:
    http, https = free_ports(2)
    traffic = LocalTraffic(home, home / "run", LocalPorts(http, https))
    assert traffic.revive() == ["haproxy"]
    try:
        await traffic.route([RouteSpec(name, (f"{name[0]}.test.example",), "/") for name in NAMES])
        before = {name: serial(home / "balancer" / certificate_file(name)) for name in NAMES}
        assert await traffic.renew_due(now() + timedelta(days=59)) == []
        assert sorted(await traffic.renew_due(now() + timedelta(days=61))) == list(NAMES)
        after = {name: serial(home / "balancer" / certificate_file(name)) for name in NAMES}
        assert all(before[name] != after[name] for name in NAMES)
        assert traffic.revive() == [], "HAProxy went on"
    finally:
        traffic.shutdown()
