"""Artefacts on disk, as an OCI image layout (OCI image specification 1.1, image-layout.md).

    oci-layout      the version of the layout
    index.json      which artefacts there are: each with its digest, and `application@version` as its reference name
    blobs/sha256/   content by its hash: manifests, configs, layers; shared between artefacts where equal
    .lock           held while the index is changed

Writers write beside and rename, so a reader needs no lock and never sees half of anything. Everything that is read
is hashed before it is believed; the index alone has no hash of its own, and what it says is checked against the
manifest that it leads to.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from plantroom.delivery.artefacts.model import (
    ARTEFACT_TYPE,
    CONFIG_TYPE,
    LAYER_TYPE,
    Artefact,
    Blob,
    config_of,
    from_config,
)
from plantroom.delivery.artefacts.unpack import unpacked
from plantroom.kernel.digest import canonical, sha256
from plantroom.kernel.errors import ArtefactError
from plantroom.runtime.locks import open_lock

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
REFERENCE = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"

_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_BLOCK = 1 << 20
_MAX_DOCUMENT = 64 << 20
"""A manifest or config, with its SQL, is far smaller; a larger one is refused before it is read into memory."""


class Layout:
    """The artefacts in one directory, which is made by the first build. Implements `ArtefactSource`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def list(self) -> Sequence[Artefact]:
        """Every artefact, by application and then version (1.9 before 1.10). Raises ArtefactError as `show` does."""
        found = [self._by_index(reference, digest) for reference, digest in self._index().items()]
        return sorted(found, key=lambda artefact: (artefact.application, _by_number(artefact.version)))

    def show(self, name: str) -> Artefact:
        """The artefact by digest (`sha256:…`) or by `application@version`. Manifest and config are verified, layers
        are not. Raises ArtefactError PR304 when there is none, PR301 to PR303 and PR305, PR306 as `verify` does."""
        index = self._index()
        if name in index:
            return self._by_index(name, index[name])
        for reference, digest in index.items():
            if digest == name:
                return self._by_index(reference, digest)
        known = ", ".join(sorted(index)) or "none yet"
        raise ArtefactError(
            "PR304",
            name or "artefact (none named)",
            value="there is no such artefact",
            limit=f"there are: {known}",
            remedy="Build it with `plantroom artefact build`, or see `plantroom artefact list`",
        )

    def verify(self, name: str) -> Artefact:
        """Hash every blob of an artefact again. Raises ArtefactError that names the blob, what was expected and what
        was seen: PR301 missing, PR302 truncated or grown, PR303 altered; PR305 when the index says otherwise than the
        manifest; PR306 when it is no artefact of ours."""
        artefact = self.show(name)
        for blob in artefact.layers:
            self._check(blob)
        return artefact

    async def unpack(self, digest: str, destination: Path) -> None:
        """Verify, then unpack read-only into `destination`, whole or not at all. What is there already is looked at
        again: left as it is when it is what the layers say, else set aside and unpacked anew.

        Safe to call at the same time from any task or process. Survives being killed: the next call begins anew.
        Raises ArtefactError as `verify` does, PR307 for an unsafe archive, PR315 when it does not fit this machine,
        PR316 when the disk does not take it.
        """
        await unpacked(lambda: self.verify(digest), self.blob_path, destination)

    def blob_path(self, digest: str) -> Path:
        """Where the content of a digest is, if it is there."""
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A directory on the same disk for a build to work in; gone afterwards."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=self.root) as scratch:
            yield Path(scratch)

    def add(self, artefact: Artefact, layers: Sequence[tuple[str, Path]]) -> Artefact:
        """Keep an artefact, whose layers (title, tar file from `staging`) are moved in. Returns it with its digest.

        The same content again is no work, and mends blobs that were damaged. Raises ArtefactError PR313 when the
        version exists with other content: an artefact never changes.
        """
        blobs = tuple(self._describe(path, LAYER_TYPE, title) for title, path in layers)
        config = canonical(config_of(artefact))
        config_blob = Blob(CONFIG_TYPE, f"sha256:{sha256(config)}", len(config), "config")
        manifest = canonical(_manifest(artefact, config_blob, blobs))
        digest = f"sha256:{sha256(manifest)}"
        with self._locked():
            index = self._index()
            known = index.get(artefact.reference)
            if known is not None and known != digest:
                raise ArtefactError(
                    "PR313",
                    artefact.reference,
                    value=f"it exists as {known}, this build is {digest} ({self._difference(known, artefact, blobs)})",
                    limit="an artefact never changes",
                    remedy="Give the new content a version of its own in plantroom.app.yaml",
                )
            for blob, (_, path) in zip(blobs, layers, strict=True):
                self._keep(path, blob.digest)
            self._write(self.blob_path(config_blob.digest), config)
            self._write(self.blob_path(digest), manifest)
            self._write_index({**index, artefact.reference: digest})
        return from_config(config_of(artefact), digest, config_blob, blobs)

    # -- reading ------------------------------------------------------------------------------------------------

    def _index(self) -> Mapping[str, str]:
        """Digest by reference name."""
        try:
            raw = (self.root / "index.json").read_bytes()
        except FileNotFoundError:
            return {}
        try:
            found: dict[str, str] = {}
            for entry in json.loads(raw)["manifests"]:
                reference, digest = entry["annotations"][REFERENCE], entry["digest"]
                if not (isinstance(reference, str) and isinstance(digest, str) and _DIGEST.match(digest)):
                    raise ValueError(f"{reference!r} leads to {digest!r}")
                if reference in found:
                    raise ValueError(f"{reference!r} is there twice")
                found[reference] = digest
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ArtefactError(
                "PR305",
                str(self.root / "index.json"),
                value=f"it is no index of artefacts ({type(error).__name__}: {error})",
                remedy="Put it back from a copy, or move it away and build the artefacts again; their digests stay",
            ) from error
        return found

    def _by_index(self, reference: str, digest: str) -> Artefact:
        artefact = self._read(digest)
        if artefact.reference != reference:
            raise ArtefactError(
                "PR305",
                str(self.root / "index.json"),
                value=f"it says that {digest} is {reference}, but that is {artefact.reference}",
                remedy="The index was altered; put it back, or move it away and build the artefacts again",
            )
        return artefact

    def _read(self, digest: str) -> Artefact:
        manifest = self._document(Blob(MANIFEST_TYPE, digest, -1, "manifest"))
        try:
            if manifest["artifactType"] != ARTEFACT_TYPE:
                raise ValueError(f"its type is {manifest['artifactType']!r}")
            config = _blob(manifest["config"], CONFIG_TYPE, "config")
            layers = tuple(_blob(layer, LAYER_TYPE, "layer") for layer in manifest["layers"])
            return from_config(self._document(config), digest, config, layers)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(
                "PR306",
                digest,
                value=f"it is no artefact that this version reads ({type(error).__name__}: {error})",
                remedy=f"Expected is a manifest of type {ARTEFACT_TYPE}",
            ) from error

    def _document(self, blob: Blob) -> Any:
        self._check(blob)
        path = self.blob_path(blob.digest)
        raw = path.read_bytes()
        if sha256(raw) != blob.digest.removeprefix("sha256:"):
            raise _wrong("PR303", blob, f"sha256:{sha256(raw)}")
        return json.loads(raw)

    def _check(self, blob: Blob) -> None:
        """The blob on disk is what its digest says. A size below 0 is not known and not checked."""
        path = self.blob_path(blob.digest)
        try:
            size = path.stat().st_size
            if blob.size >= 0 and size != blob.size:
                raise _wrong("PR302", blob, f"{size} bytes", f"{blob.size} bytes")
            if blob.media_type != LAYER_TYPE and size > _MAX_DOCUMENT:
                raise _wrong("PR302", blob, f"{size} bytes", f"at most {_MAX_DOCUMENT} bytes")
            seen = _hash(path)
        except OSError as error:
            raise _wrong("PR301", blob, error.strerror or str(error)) from error
        if seen != blob.digest:
            raise _wrong("PR303", blob, seen)

    # -- writing ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, over all processes. The lock goes with its holder."""
        (self.root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with open_lock(self.root / ".lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _describe(self, path: Path, media_type: str, title: str) -> Blob:
        return Blob(media_type, _hash(path), path.stat().st_size, title)

    def _write_index(self, index: Mapping[str, str]) -> None:
        manifests = [
            {
                "mediaType": MANIFEST_TYPE,
                "digest": digest,
                "size": self.blob_path(digest).stat().st_size,
                "artifactType": ARTEFACT_TYPE,
                "annotations": {REFERENCE: reference},
            }
            for reference, digest in sorted(index.items())
        ]
        self._write(self.root / "oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))
        self._write(
            self.root / "index.json", canonical({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests})
        )

    def _write(self, path: Path, content: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".new-", dir=self.root)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        _move(Path(name), path)

    def _keep(self, path: Path, digest: str) -> None:
        _move(path, self.blob_path(digest))

    def _difference(self, known: str, artefact: Artefact, blobs: Sequence[Blob]) -> str:
        """In words, what differs from the artefact that holds the version."""
        try:
            there = self._read(known)
        except ArtefactError as error:
            return f"the one that is there is damaged: {error}"
        before, after = config_of(there), config_of(artefact)
        parts = [key for key in after if before[key] != after[key]]
        old = {blob.title: blob.digest for blob in there.layers}
        new = {blob.title: blob.digest for blob in blobs}
        parts += [f"layer {title}" for title in sorted(old.keys() | new.keys()) if old.get(title) != new.get(title)]
        return "different: " + ", ".join(parts)


def _manifest(artefact: Artefact, config: Blob, layers: Sequence[Blob]) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": ARTEFACT_TYPE,
        "config": {"mediaType": config.media_type, "digest": config.digest, "size": config.size},
        "layers": [
            {
                "mediaType": layer.media_type,
                "digest": layer.digest,
                "size": layer.size,
                "annotations": {TITLE: layer.title},
            }
            for layer in layers
        ],
        "annotations": {TITLE: artefact.application, VERSION: artefact.version},
    }


def _blob(descriptor: Mapping[str, Any], media_type: str, title: str) -> Blob:
    if descriptor["mediaType"] != media_type:
        raise ValueError(f"a {title} of type {descriptor['mediaType']!r}")
    if not _DIGEST.match(descriptor["digest"]) or not isinstance(descriptor["size"], int) or descriptor["size"] < 0:
        raise ValueError(f"a {title} without digest and size")
    return Blob(
        media_type, descriptor["digest"], descriptor["size"], descriptor.get("annotations", {}).get(TITLE, title)
    )


def _wrong(code: str, blob: Blob, seen: str, expected: str = "") -> ArtefactError:
    what = {"PR301": "missing", "PR302": "of another size", "PR303": "altered"}[code]
    return ArtefactError(
        code,
        f"blob {blob.digest} ({blob.title or 'config'})",
        value=f"it is {what}: seen {seen}",
        limit=f"expected {expected or blob.digest}",
        remedy="It is not used. Build the same source again, or copy the blob from an intact layout",
    )


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def _move(source: Path, target: Path) -> None:
    """Rename so that the target is whole on disk even after a power cut: content first, then the name."""
    source.chmod(0o644)
    with source.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(source, target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _by_number(version: str) -> list[tuple[int, int, str]]:
    """A key that sorts the numbers in a version as numbers."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|[^\d.]+", version)]
