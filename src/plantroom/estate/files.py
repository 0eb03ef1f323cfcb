"""From a directory to merged data: which files are read, and whose each object is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plantroom.estate.explain import Path as Where
from plantroom.estate.model import Mistake, Source
from plantroom.estate.reading import Document, read

ENDINGS = (".yaml", ".yml")
"""Of the files that are read."""

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes of one file. The files of ten thousand clients have less; what has more was put there by mistake, and would
take the memory of everything that reads the estate."""


@dataclass(slots=True)
class Merged:
    """All files as one mapping. An object's owner, by section or section and name, is the file that declares it."""

    data: dict[str, Any] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    owners: dict[Where, Document] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Every file could be read to its end."""
        return not any(document.partial for document in self.documents)

    def owner(self, where: Where) -> Document | None:
        found = self.owners.get(where[:2]) or self.owners.get(where[:1])
        return found or (self.documents[0] if self.documents else None)

    def find(self, where: Where, *, of_key: bool) -> tuple[Source, str | None]:
        """The place of what is at `where` (of its key, or of its value), or of the deepest part of it that is there;
        and the text of the value in the file when it is not text there."""
        document = self.owner(where)
        if document is None:
            return Source(".", 1, 1), None
        key, value, _, whole = document.steps(where)
        written = document.written.get(value) if whole and where else None
        return document.source(key if of_key or not whole else value), written


def merge(directory: Path) -> Merged:
    """Read every estate file below `directory` and merge their top-level sections."""
    merged = Merged()
    if not directory.is_dir():
        merged.mistakes.append(_about(".", "this is no directory", "Name the directory of the estate's files"))
        return merged
    for path in _files(directory):
        document = _document(path, path.relative_to(directory).as_posix())
        merged.documents.append(document)
        merged.mistakes += document.mistakes
        _add(merged, document)
    if not merged.documents:
        merged.mistakes.append(
            _about(".", "the directory has no .yaml file", "Write one, or begin with `plantroom init`")
        )
    return merged


def _document(path: Path, name: str) -> Document:
    """What one file says, or why it is not read."""
    unread = Document(name)
    if path.is_dir():
        unread.wrong(0, "a directory behind a symbolic link is not read", "Put the files themselves there")
        return unread
    if not name.endswith(ENDINGS):
        ending = path.suffix
        unread.wrong(0, f"a file that ends with {ending} is not read", f"Let its name end with {ending.lower()}")
        return unread
    try:
        data = _content(path)
    except OSError as error:
        unread.wrong(0, f"cannot be read ({error.strerror})", "Let this user read it, or move it elsewhere")
        return unread
    if data is None:
        unread.wrong(0, "this is no regular file", "Put a file of text in its place, or move it elsewhere")
        return unread
    if len(data) > LARGEST_FILE:
        limit = LARGEST_FILE // (1024 * 1024)
        unread.wrong(0, f"the file is larger than {limit} MiB", "Split it, or move it elsewhere")
        return unread
    return read(name, data)


def _content(path: Path) -> bytes | None:
    """At most one byte more than a file may have; None for a pipe, a socket or a device, whose other end may never
    write. Looked at again once it is open, in case something else was put there meanwhile."""
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read(LARGEST_FILE + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None


def _files(directory: Path) -> Iterator[Path]:
    """What is to be read, and what somebody could think is read: a directory behind a symbolic link, another spelling
    of `.yaml`. Hidden ones are left out."""
    found: list[Path] = []
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        found += [Path(folder, name) for name in names if _is_meant(name) and not name.startswith(".")]
    return iter(sorted(found, key=lambda path: path.relative_to(directory).as_posix()))


def _is_meant(name: str) -> bool:
    return name.lower().endswith(ENDINGS)


def _about(file: str, wrong: str, right: str) -> Mistake:
    return Mistake(Source(file, 1, 1), "", wrong, right)


def _add(merged: Merged, document: Document) -> None:
    if document.partial and document.value is None:
        return
    if not isinstance(document.value, dict):
        empty = document.value is None
        wrong = "the file is empty" if empty else "the file is not a mapping"
        merged.mistakes.append(_about(document.file, wrong, "Declare something, as in `clients:`"))
        document.partial = True
        return
    for section, content in document.value.items():
        if section not in merged.data:
            merged.data[section] = content
            merged.owners[(section,)] = document
            if isinstance(content, dict):
                merged.owners.update(dict.fromkeys(((section, name) for name in content), document))
        else:
            _join(merged, document, section, content)


def _join(merged: Merged, document: Document, section: str, content: Any) -> None:
    """Put one section of a further file to what earlier files have of it."""
    first = merged.owners[(section,)]
    so_far = merged.data[section]
    if section == "estate" or not isinstance(so_far, dict) or not isinstance(content, dict):
        other, _ = merged.find((section,), of_key=True)
        key, *_ = document.steps((section,))
        right = "Rings have an order: keep them in one file" if section == "rings" else "Keep it in one file"
        merged.mistakes.append(
            Mistake(document.source(key), section, f"{section} is in another file too, at {other}", right)
        )
        return
    if so_far is first.value.get(section):
        so_far = merged.data[section] = dict(so_far)
    for name, value in content.items():
        where = (section, name)
        if name in so_far:
            other, _ = merged.find(where, of_key=True)
            key, *_ = document.steps(where)
            merged.mistakes.append(
                Mistake(
                    document.source(key),
                    f"{section}/{name}",
                    f"{name} is declared twice, the first time at {other}",
                    "Keep one of the two",
                )
            )
        else:
            so_far[name] = value
            merged.owners[where] = document
