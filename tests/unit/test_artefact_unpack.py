"""Unpacking: read-only, whole or not at all, once, and never outside of its place."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom.delivery.artefacts import archive
from plantroom.delivery.artefacts.model import LAYER_TYPE, Artefact, ArtefactKind
from plantroom.delivery.artefacts.service import Artefacts
from plantroom.kernel.errors import ArtefactError

CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from plantroom.delivery.artefacts import unpack
from plantroom.delivery.artefacts.layout import Layout
if sys.argv[4] == "killed":
    unpack._sync = lambda root: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(Layout(Path(sys.argv[1])).unpack(sys.argv[2], Path(sys.argv[3])))
"""


def keep(
    directory: Path,
    files: dict[str, str],
    kind: ArtefactKind = ArtefactKind.FILES,
    *,
    platform: str = "any",
    python: str = "",
) -> tuple[Artefacts, Artefact]:
    """An artefact with these files, made without a build; `*` before a name makes it executable, `a -> b` a link."""
    artefacts = Artefacts(directory / "layout")
    with artefacts.layout.staging() as scratch:
        entries = {}
        for index, (name, content) in enumerate(files.items()):
            path, (plain, _, target) = scratch / str(index), name.partition(" -> ")
            if target:
                path.symlink_to(target)
            else:
                path.write_text(content)
                path.chmod(0o755 if plain.startswith("*") else 0o644)
            entries[plain.removeprefix("*")] = path
        with (scratch / "layer.tar").open("wb") as stream:
            archive.pack(entries, stream)
        artefact = Artefact("", "app", "1.0", kind, platform, python, "", ())
        return artefacts, artefacts.layout.add(artefact, [("app", scratch / "layer.tar")])


def content(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


async def test_it_is_read_only_and_whole(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {"a/b/text": "hello", "*a/run": "#!/bin/sh", "link -> a/b": ""})
    root = tmp_path / "servers" / "one" / "app"
    await artefacts.layout.unpack(artefact.digest, root)
    assert (root / "a/b/text").read_text() == "hello"
    assert (root / "link" / "text").read_text() == "hello"
    modes = {
        path.name: stat.S_IMODE(path.lstat().st_mode) for path in [root, *root.rglob("*")] if not path.is_symlink()
    }
    assert modes == {"app": 0o555, "a": 0o555, "b": 0o555, "text": 0o444, "run": 0o555}
    assert sorted(path.name for path in root.parent.iterdir()) == [".app.files", ".app.lock", "app"]


async def test_unpacking_again_is_no_work(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {"text": "hello"})
    await artefacts.layout.unpack(artefact.digest, tmp_path / "app")
    before = (tmp_path / "app").stat()
    artefacts.layout.blob_path(artefact.layers[0].digest).unlink()  # it is not even looked at
    await artefacts.layout.unpack(artefact.digest, tmp_path / "app")
    assert ((tmp_path / "app").stat().st_ino, (tmp_path / "app").stat().st_ctime_ns) == (
        before.st_ino,
        before.st_ctime_ns,
    )


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _in(directory: Path, change: Callable[[], object]) -> None:
    """By somebody who may write here, and puts the times back."""
    before = directory.stat()
    directory.chmod(0o755)
    change()
    directory.chmod(0o555)
    os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))


def _same_length(file: Path, content: str) -> None:
    before = file.stat()
    assert len(content) == before.st_size
    file.chmod(0o644)
    file.write_text(content)
    file.chmod(stat.S_IMODE(before.st_mode))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


ALTERATIONS: dict[str, Callable[[Path], object]] = {
    "app/main.py was altered": lambda root: _same_length(root / "app/main.py", "print(9)"),
    "app/run was altered": lambda root: (root / "app/run").chmod(0o444),
    "app/extra.py was added": lambda root: _in(root / "app", lambda: (root / "app/extra.py").write_text("")),
    "app/run is gone": lambda root: _in(root / "app", (root / "app/run").unlink),
    "app/link was altered": lambda root: _in(
        root / "app", lambda: ((root / "app/link").unlink(), (root / "app/link").symlink_to("run"))
    ),
    "app/__pycache__/main": lambda root: [
        _same_length(one, "x" * one.stat().st_size) for one in root.rglob("main.*.pyc")
    ],
    "there is no list of its files": lambda root: (root.parent / ".root.files").unlink(),
    "it is another directory": lambda root: (root.rename(tempfile.mkdtemp(dir=root.parent)), root.symlink_to(".")),
}


@pytest.mark.parametrize("told", ALTERATIONS)
async def test_what_was_altered_is_set_aside_and_unpacked_anew(
    tmp_path: Path, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"app/main.py": "print(1)", "*app/run": "#!/bin/sh", "app/link -> main.py": ""}
    artefacts, artefact = keep(tmp_path, files, ArtefactKind.PYTHON)
    root = tmp_path / "root"
    await artefacts.layout.unpack(artefact.digest, root)
    for _ in range(2):  # what was set aside the first time is in the way of nothing
        before = (root / "app/run").stat().st_ino
        ALTERATIONS[told](root)
        caplog.clear()
        await artefacts.layout.unpack(artefact.digest, root)
        assert told in caplog.text
        assert [(root / "app" / one).read_text() for one in ("link", "run")] == ["print(1)", "#!/bin/sh"]
        assert (root / "app/run").stat().st_ino != before
        assert ".root.altered" in names(tmp_path)
        caplog.clear()
        await artefacts.layout.unpack(artefact.digest, root)
        assert caplog.text == ""


async def test_what_was_altered_stays_where_there_is_nothing_to_put_in_its_place(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {"text": "hello"})
    await artefacts.layout.unpack(artefact.digest, tmp_path / "app")
    _same_length(tmp_path / "app" / "text", "HELLO")
    artefacts.layout.blob_path(artefact.layers[0].digest).unlink()
    with pytest.raises(ArtefactError, match="PR301"):
        await artefacts.layout.unpack(artefact.digest, tmp_path / "app")
    assert content(tmp_path / "app") == {"text": "HELLO"}


async def test_a_copy_of_a_home_is_hashed_again_and_kept(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {"text": "hello"})
    await artefacts.layout.unpack(artefact.digest, tmp_path / "a" / "app")
    shutil.copytree(tmp_path / "a", tmp_path / "b", symlinks=True)
    before = (tmp_path / "b" / "app" / "text").stat().st_ino
    await artefacts.layout.unpack(artefact.digest, tmp_path / "b" / "app")
    assert (tmp_path / "b" / "app" / "text").stat().st_ino == before


async def test_many_callers_at_once_unpack_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefacts, artefact = keep(tmp_path, {f"{index}/text": str(index) for index in range(50)})
    calls: list[str] = []
    whole = archive.unpack

    def counted(layers: list[Path], root: Path) -> dict[str, archive.File | str]:
        calls.append(root.name)
        return whole(layers, root)

    monkeypatch.setattr(archive, "unpack", counted)
    await asyncio.gather(*(artefacts.layout.unpack(artefact.digest, tmp_path / "app") for _ in range(20)))
    assert len(calls) == 1
    assert len(content(tmp_path / "app")) == 50


def test_many_processes_at_once_unpack_once(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {f"{index}/text": str(index) for index in range(200)})
    command = [sys.executable, "-c", CHILD, str(artefacts.layout.root), artefact.digest, str(tmp_path / "app"), "whole"]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for child in children:
        _, errors = child.communicate(timeout=30)
        assert child.returncode == 0, errors
    assert len(content(tmp_path / "app")) == 200


def test_a_killed_unpacking_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {"a/text": "hello"})
    root = tmp_path / "servers" / "app"
    command = [sys.executable, "-c", CHILD, str(artefacts.layout.root), artefact.digest, str(root)]
    killed = subprocess.run([*command, "killed"], check=False)
    assert killed.returncode == -9
    assert not root.exists()
    assert (root.parent / ".app.partial" / "a" / "text").exists()  # it struck in the middle
    subprocess.run([*command, "whole"], check=True)
    assert content(root) == {"a/text": "hello"}
    assert not (root.parent / ".app.partial").exists()


async def test_a_cancelled_caller_leaves_it_whole(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {f"{index}/text": str(index) for index in range(300)})
    task = asyncio.create_task(artefacts.layout.unpack(artefact.digest, tmp_path / "app"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await artefacts.layout.unpack(artefact.digest, tmp_path / "app")
    assert len(content(tmp_path / "app")) == 300


def test_python_has_byte_code_that_is_used_as_it_is(tmp_path: Path) -> None:
    files = {
        "lib/dep.py": "VALUE = 1\n",
        "app/main.py": "import dep\nprint(dep.__cached__, dep.VALUE)\n",
        "app/old.py": "print 1\n",
    }
    artefacts, artefact = keep(tmp_path, files, ArtefactKind.PYTHON)
    root = tmp_path / "app"
    asyncio.run(artefacts.layout.unpack(artefact.digest, root))
    cached = Path(importlib.util.cache_from_source(str(root / "lib" / "dep.py")))
    content = cached.read_bytes()
    assert int.from_bytes(content[4:8], "little") == 0b01  # by hash, unchecked (PEP 552)
    assert str(root / "lib" / "dep.py").encode() in content  # tracebacks name where it is, not where it was made
    assert stat.S_IMODE(cached.stat().st_mode) == 0o444
    command = [sys.executable, "-S", str(root / "app" / "main.py")]
    variables = {"PYTHONPATH": f"{root}/lib:{root}/app"}
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(cached), "1"]


@pytest.mark.parametrize(("platform", "python"), [("plan9-mips", ""), ("any", "2.7")])
async def test_an_artefact_for_another_machine_is_refused(tmp_path: Path, platform: str, python: str) -> None:
    artefacts, artefact = keep(tmp_path, {"text": "hello"}, platform=platform, python=python)
    with pytest.raises(ArtefactError, match=rf"PR315.*built for .*{python or platform} \(this "):
        await artefacts.layout.unpack(artefact.digest, tmp_path / "app")
    assert not (tmp_path / "app").exists()


async def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {"text": "hello"})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtefactError, match="PR316"):
        await artefacts.layout.unpack(artefact.digest, tmp_path / "file" / "app")


# -- unsafe archives --------------------------------------------------------------------------------------------


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 4 if kind == tarfile.REGTYPE else 0
    return info


def evil(directory: Path, *members: tarfile.TarInfo) -> tuple[Artefacts, Artefact]:
    """A rightly hashed artefact whose layer was not made by us."""
    artefacts = Artefacts(directory / "layout")
    with artefacts.layout.staging() as scratch:
        with tarfile.open(scratch / "layer.tar", "w") as tar:
            for info in members:
                tar.addfile(info, io.BytesIO(b"evil"[: info.size]))
        artefact = Artefact("", "app", "1.0", ArtefactKind.FILES, "any", "", "", ())
        return artefacts, artefacts.layout.add(artefact, [("app", scratch / "layer.tar")])


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil")],
        [member("/tmp/evil")],
        [member("a/../../evil")],
        [member("./evil")],
        [member("link", tarfile.SYMTYPE, "/"), member("link/evil")],
        [member("link", tarfile.SYMTYPE, "../..")],
        [member("a/link", tarfile.SYMTYPE, "../../evil")],
        [member("a/up", tarfile.SYMTYPE, ".."), member("link", tarfile.SYMTYPE, "a/up/..")],
        [member("a/up", tarfile.SYMTYPE, ".."), member("a/up/link", tarfile.SYMTYPE, "../..")],
        [member("link", tarfile.SYMTYPE, "a"), member("link", tarfile.SYMTYPE, "b")],
        [member("link", tarfile.LNKTYPE, "/etc/passwd")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
        [member("twice"), member("twice")],
        [member("file"), member("file/below")],
        [member("dir/below"), member("dir")],
    ],
    ids=lambda members: " ".join(f"{info.name}>{info.linkname}" for info in members),
)
async def test_an_archive_that_leads_outside_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    artefacts, artefact = evil(tmp_path / "in", *members)
    root = tmp_path / "out" / "deep" / "app"
    with pytest.raises(ArtefactError) as refused:
        await artefacts.layout.unpack(artefact.digest, root)
    assert refused.value.code == "PR307"
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["deep", ".app.lock"]


@pytest.mark.parametrize("spoil", [lambda raw: b"no tar at all", lambda raw: raw[:600], lambda raw: raw[:512]])
async def test_a_layer_that_is_no_tar_file_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    artefacts = Artefacts(tmp_path / "layout")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("text")
        info.size = 2000
        tar.addfile(info, io.BytesIO(bytes(2000)))
    with artefacts.layout.staging() as scratch:
        (scratch / "layer.tar").write_bytes(spoil(buffer.getvalue()))
        artefact = Artefact("", "app", "1.0", ArtefactKind.FILES, "any", "", "", ())
        artefact = artefacts.layout.add(artefact, [("app", scratch / "layer.tar")])
    with pytest.raises(ArtefactError, match="PR307"):
        await artefacts.layout.unpack(artefact.digest, tmp_path / "app")
    assert not (tmp_path / "app").exists()


@given(
    st.lists(st.sampled_from(["a", "b", "..", ".", ""]), max_size=6),
    st.lists(st.sampled_from(["a", "..", "."]), max_size=6),
)
def test_a_link_that_is_let_through_stays_inside(name: list[str], target: list[str]) -> None:
    path, to = "/".join(name), "/".join(target)
    if archive.is_inside(path) and archive.stays_inside(path, to):
        led = os.path.normpath(os.path.join("/root", os.path.dirname(path), to))
        assert led == "/root" or led.startswith("/root/")


def test_layers_are_plain_tar_files(tmp_path: Path) -> None:
    artefacts, artefact = keep(tmp_path, {"text": "hello"})
    assert artefact.layers[0].media_type == LAYER_TYPE
    with tarfile.open(artefacts.layout.blob_path(artefact.layers[0].digest), "r:") as tar:
        (info,) = tar.getmembers()
    assert (info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, 0, "", "", 0o644)
