"""Settings: one directory, and one variable for each engine that is not the embedded one.

| variable | meaning | default |
|---|---|---|
| `PLANTROOM_HOME` | the directory of all state | as root `/var/lib/plantroom`, else `~/.local/state/plantroom` |
| `PLANTROOM_DATABASE_URL` | the control plane's PostgreSQL; its role owns the tables | an embedded one |
| `PLANTROOM_TEMPORAL_ADDRESS` | `host:port` of Temporal | an embedded one |
| `PLANTROOM_TEMPORAL_NAMESPACE` | the Temporal namespace | `default` |
| `PLANTROOM_TEMPORAL_KEY_FILE` | the key that seals what travels through Temporal | one in the home |
| `PLANTROOM_HAPROXY_SOCKET` | the master socket of an HAProxy of your own | an embedded one |
| `PLANTROOM_HTTP_PORT`, `PLANTROOM_HTTPS_PORT` | where the balancer listens | free ports, kept from then on |
| `PLANTROOM_PROOF_POSTGRES` | the `bin` directory of the PostgreSQL on which migrations are proven | the embedded one |
| `PLANTROOM_SOCKET_GROUP` | a group whose members may call the API too | nobody but the owner |
"""

from __future__ import annotations

import grp
import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from plantroom.kernel.errors import EngineError

_LONGEST_SOCKET_DIRECTORY = 80
"""Bytes. A Unix socket's path has at most 107 (unix(7)); this leaves room for the longest name used in it."""


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path
    database_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    http_port: int | None = None
    https_port: int | None = None
    socket_group: int | None = None
    haproxy_socket: Path | None = None
    temporal_key_file: Path | None = None
    proof_postgres: Path | None = None

    @property
    def run(self) -> Path:
        """The directory of sockets."""
        return socket_directory(self.home)

    @property
    def temporal_key(self) -> Path:
        """The key that seals what travels through Temporal; API and workers share it, and Temporal does not have it."""
        return self.temporal_key_file or self.home / "temporal.key"

    @property
    def api_socket(self) -> Path:
        return self.run / "api.sock"


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    named = environ.get("PLANTROOM_HOME")
    if named:
        return Path(named).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/plantroom")
    return Path(environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser() / "plantroom"


def from_environment(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises EngineError PR804 for a value that cannot be meant."""
    return Settings(
        home=(home or default_home(environ)).absolute(),
        database_url=environ.get("PLANTROOM_DATABASE_URL") or None,
        temporal_address=environ.get("PLANTROOM_TEMPORAL_ADDRESS") or None,
        temporal_namespace=environ.get("PLANTROOM_TEMPORAL_NAMESPACE") or "default",
        http_port=_port(environ, "PLANTROOM_HTTP_PORT"),
        https_port=_port(environ, "PLANTROOM_HTTPS_PORT"),
        socket_group=_group(environ, "PLANTROOM_SOCKET_GROUP"),
        haproxy_socket=_path(environ, "PLANTROOM_HAPROXY_SOCKET"),
        temporal_key_file=_path(environ, "PLANTROOM_TEMPORAL_KEY_FILE"),
        proof_postgres=_path(environ, "PLANTROOM_PROOF_POSTGRES"),
    )


def socket_directory(home: Path) -> Path:
    """`home/run`, or a private directory below /tmp where that path is too long for a socket.

    Raises EngineError PR805 when that directory belongs to somebody else or is open to others.
    """
    inside = home / "run"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_DIRECTORY:
        inside.mkdir(parents=True, exist_ok=True)
        return inside
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    outside = Path("/tmp") / f"plantroom-{os.geteuid()}-{mark}"
    outside.mkdir(mode=0o711, exist_ok=True)
    there = outside.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid() or there.st_mode & 0o022:
        raise EngineError("PR805", str(outside), value="is not ours alone", remedy="Remove it, or use a shorter --home")
    return outside


def remove_sockets(home: Path) -> None:
    """Of a home whose engines have ended, where they lie below /tmp: there nobody knows whose they were."""
    directory = socket_directory(home)
    if not directory.is_relative_to(home):
        shutil.rmtree(directory, ignore_errors=True)


def _port(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise EngineError("PR804", name, value=repr(text), limit="a port is a whole number from 1 to 65535")
    return int(text)


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    return Path(text).absolute() if text else None


def _group(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError as error:
        raise EngineError("PR804", name, value=repr(text), limit="there is no such group on this machine") from error
