"""Layers: tar files whose bytes depend on names, contents and the executable bit, and on nothing else."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from plantroom.kernel.errors import ArtefactError

_COPY = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A regular file in a layer."""

    executable: bool
    size: int
    sha256: str


def pack(entries: Mapping[str, Path], stream: BinaryIO) -> None:
    """Write `entries` (path inside the layer, to the file or symbolic link that it is) as a tar file.

    Sorted by path; no times, no owners; modes 0644 or 0755; parent directories left out, since they say nothing.
    PAX format (POSIX.1-2001). Raises ArtefactError PR314 for anything that is neither a regular file nor a link that
    stays inside.
    """
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(entries):
            path = entries[name]
            info = tarfile.TarInfo(name)
            seen = path.lstat()
            if stat.S_ISLNK(seen.st_mode):
                info.type = tarfile.SYMTYPE
                info.linkname = os.readlink(path)
                info.mode = 0o777
                if not stays_inside(name, info.linkname):
                    raise ArtefactError(
                        "PR314", str(path), value=f"a link to {info.linkname}", remedy="Links stay inside the source"
                    )
                tar.addfile(info)
            elif stat.S_ISREG(seen.st_mode):
                info.size = seen.st_size
                info.mode = 0o755 if seen.st_mode & 0o100 else 0o644
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                raise ArtefactError(
                    "PR314", str(path), value="neither a file nor a link", remedy="Leave it out with `exclude`"
                )


def unpack(layers: Iterable[Path], root: Path) -> dict[str, File | str]:
    """Extract layers into `root`, an empty directory. Returns what each path is, as the layers say: a file,
    or a link's target. Nothing is ever written outside of `root`.

    Accepted are regular files, directories and links that stay inside; each path once. Links are made last, so that
    no file is written through one. Raises ArtefactError PR307 for anything else, and for what is no tar file.
    """
    links: list[tuple[str, str]] = []
    unpacked: dict[str, File | str] = {}
    for layer in layers:
        try:
            with tarfile.open(layer, mode="r:") as tar:
                for member in tar:
                    if not is_inside(member.name):
                        raise _unsafe(layer, f"the path {member.name!r} leads outside")
                    if member.isdir():
                        (root / member.name).mkdir(parents=True, exist_ok=True)
                    elif member.issym():
                        if not stays_inside(member.name, member.linkname):
                            raise _unsafe(layer, f"the link {member.name!r} leads outside, to {member.linkname!r}")
                        links.append((member.name, member.linkname))
                    elif member.isreg():
                        digest = _write(tar, member, root / member.name)
                        unpacked[member.name] = File(bool(member.mode & 0o100), member.size, digest)
                    else:
                        raise _unsafe(layer, f"{member.name!r} is neither a file, a directory nor a link")
        except (tarfile.TarError, EOFError) as error:
            raise _unsafe(layer, f"it is no tar file ({error})") from error
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise _unsafe(layer, f"{Path(str(error.filename)).name!r} is there twice") from error
    for name, target in links:
        _link(root, name, target)
        unpacked[name] = target
    return unpacked


def is_inside(name: str) -> bool:
    """Whether a path is relative, plain (`a/b`), and does not climb."""
    parts = name.split("/")
    return bool(name) and "\0" not in name and all(part not in ("", ".", "..") for part in parts)


def stays_inside(name: str, target: str) -> bool:
    """Whether a link at path `name` to `target` leads to somewhere below the root, judged by its text.

    Steps up come first (`../lib/a`, never `lib/../a`): after a step down, which may go through another link, the text
    no longer tells where a step up leads.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return up <= name.count("/") and ".." not in parts[up:]


def _link(root: Path, name: str, target: str) -> None:
    """Make one link. Its parent is a real directory: below a link, `name` would not tell where it is."""
    link = root / name
    parents = [root.joinpath(*link.relative_to(root).parts[:depth]) for depth in range(1, name.count("/") + 1)]
    if any(parent.is_symlink() for parent in parents):
        raise ArtefactError("PR307", str(root), value=f"{name!r} lies below a link", remedy="Build it again")
    if os.path.lexists(link):
        raise ArtefactError("PR307", str(root), value=f"{name!r} is there twice", remedy="Build it again")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> str:
    """The SHA-256 of what was written."""
    digest = hashlib.sha256()
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError(f"{member.name!r} has no content")
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("xb") as target:
        left = member.size
        while left:
            block = source.read(min(_COPY, left))
            if not block:
                raise tarfile.ReadError(f"{member.name!r} ends early")
            target.write(block)
            digest.update(block)
            left -= len(block)
    if member.mode & 0o100:
        path.chmod(0o755)
    return digest.hexdigest()


def _unsafe(layer: Path, value: str) -> ArtefactError:
    return ArtefactError("PR307", f"layer {layer.name}", value=value, remedy="Nothing was unpacked; build it again")
