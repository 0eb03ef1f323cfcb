"""The brochure example: a prebuilt program that is slow to start, in two releases, with no Python and no database."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from plantroom.delivery.artefacts.model import ArtefactKind
from plantroom.delivery.artefacts.service import Artefacts

EXAMPLE = Path(__file__).parents[2] / "examples" / "brochure"


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    return Artefacts(tmp_path_factory.mktemp("brochure") / "layout")


@pytest.mark.parametrize(("release", "second_page"), [("1.0", 404), ("1.1", 200)])
def test_it_serves_its_pages_after_a_slow_start(
    artefacts: Artefacts, tmp_path: Path, release: str, second_page: int
) -> None:
    artefact = artefacts.build(EXAMPLE / "releases" / release)
    assert (artefact.kind, artefact.python, artefact.workdir) == (ArtefactKind.FILES, "", "{app}")
    root = tmp_path / "app"
    asyncio.run(artefacts.layout.unpack(artefact.digest, root))
    spec = artefact.process("web")
    assert spec is not None
    assert spec.health_path is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [part.replace("{port}", str(port)).replace("{app}", str(root)) for part in spec.command]
    before = sorted(root.rglob("*"))
    began = time.monotonic()
    child = subprocess.Popen(command, cwd=root, env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            while True:
                assert time.monotonic() < began + spec.start_timeout_s
                assert child.poll() is None
                with contextlib.suppress(httpx.ConnectError):
                    assert client.get(spec.health_path).status_code == 200
                    break
                time.sleep(0.05)
            assert time.monotonic() - began > 2
            assert f"Release {release}" in client.get("/").text
            assert client.get("/services.html").status_code == second_page
    finally:
        child.terminate()
        child.wait(spec.stop_grace_s)
    assert sorted(root.rglob("*")) == before  # it wrote nothing into its own directory


def test_two_releases_share_the_program(artefacts: Artefacts) -> None:
    first, second = (artefacts.build(EXAMPLE / "releases" / release) for release in ("1.0", "1.1"))
    assert first.digest != second.digest
    assert first.layers[0] == second.layers[0]
    assert first.layers[0].size > 10_000_000
