"""What an artefact is. Frozen; the canonical bytes of `config_of` are the config blob of its OCI manifest.

An artefact unpacks to one directory, its root:

    app/      the application's own files, for Python; any other application has its files in the root itself
    lib/      for Python: the exact locked dependencies, the framework among them
    *.lock    the lock that `lib/` or the binaries were installed from

Its digest is the SHA-256 of its OCI manifest, which names config and layers by theirs (OCI image specification 1.1,
https://github.com/opencontainers/image-spec). Nothing in it depends on when, where or by whom it was built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from plantroom.platforms.contract import ProcessKind, ProcessSpec, Script, Step

ARTEFACT_TYPE = "application/vnd.plantroom.artefact.v1"
CONFIG_TYPE = "application/vnd.plantroom.artefact.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
"""Not compressed: the bytes that a compressor writes change with its version, and so would the digest."""

ANY_PLATFORM = "any"
CONFIG_FORMAT = 1
"""Version of the config blob's shape. A reader refuses any other."""


class ArtefactKind(StrEnum):
    PYTHON = "python"
    FILES = "files"
    """Anything else: packed as it is, with prebuilt binaries where the build definition names some."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by its digest (`sha256:…`). `size` in bytes; `title` is for people, as in `lib`."""

    media_type: str
    digest: str
    size: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """What `release` drops, held back for the next one. It is for databases that the script of hash `after` has brought
    to that release: one that was made at it never had what is dropped."""

    release: str
    after: str
    script: Script
    proof: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Schema:
    """The database of a release.

    `release` names the schema: the latest release that changed it, this one or an earlier one. `initial` is the whole
    of it, for a new database. `migrate` leads to it from the schema of release `previous`; None when `previous` is
    None (there is nothing to come from). Both scripts are recorded in a database under `release`. `proof` is what was
    proven of `migrate`: how it was made, its hazards, what became of the rows.

    Where `migrate` drops nothing yet, `expanded` makes the schema that it leaves, and `contract` leads on from there to
    that of `initial`, once nothing runs any more that may need what it drops. `held` is what an earlier release has
    held back so, and comes first.
    """

    release: str
    initial: Script
    previous: str | None = None
    migrate: Script | None = None
    proof: Mapping[str, Any] | None = None
    expanded: Script | None = None
    contract: Contract | None = None
    held: Contract | None = None
    check: tuple[str, ...] = ()
    """The command by which the release tells whether it works on a database of some schema; none when empty."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """`digest` is the manifest's. `platform` is a tag as in `linux-x86_64`, or `any`; `python` a minor version as in
    `3.11`, or "" when it is no Python application. `lock` is the digest of the lock's bytes (of both
    locks, one after the other, when there are binaries too), or "" without one.

    `environment` are plain variables for every process, and `workdir` is the directory they start in; `{app}` stands
    for the root in both.
    """

    digest: str
    application: str
    version: str
    kind: ArtefactKind
    platform: str
    python: str
    lock: str
    processes: tuple[ProcessSpec, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "{app}"
    schema: Schema | None = None
    config: Blob | None = None
    layers: tuple[Blob, ...] = ()

    @property
    def reference(self) -> str:
        """`application@version`, unique in a layout."""
        return f"{self.application}@{self.version}"

    def process(self, name: str) -> ProcessSpec | None:
        """The process type of that name, or None."""
        return next((process for process in self.processes if process.name == name), None)


def config_of(artefact: Artefact) -> dict[str, Any]:
    """What the config blob holds: everything but digest and blobs, which are the manifest's."""
    return {
        "format": CONFIG_FORMAT,
        "application": artefact.application,
        "version": artefact.version,
        "kind": artefact.kind.value,
        "platform": artefact.platform,
        "python": artefact.python,
        "lock": artefact.lock,
        "processes": [_process_data(process) for process in artefact.processes],
        "environment": dict(artefact.environment),
        "workdir": artefact.workdir,
        "schema": None if artefact.schema is None else _schema_data(artefact.schema),
    }


def from_config(config: Mapping[str, Any], digest: str, blob: Blob, layers: tuple[Blob, ...]) -> Artefact:
    """The artefact that a config blob describes. Raises KeyError, TypeError or ValueError when it has another shape."""
    if config["format"] != CONFIG_FORMAT:
        raise ValueError(f"format {config['format']!r} is not {CONFIG_FORMAT}")
    return Artefact(
        digest=digest,
        application=_text(config["application"]),
        version=_text(config["version"]),
        kind=ArtefactKind(config["kind"]),
        platform=_text(config["platform"]),
        python=_text(config["python"]),
        lock=_text(config["lock"]),
        processes=tuple(_process_from(process) for process in config["processes"]),
        environment={_text(name): _text(value) for name, value in config["environment"].items()},
        workdir=_text(config["workdir"]),
        schema=None if config["schema"] is None else _schema_from(config["schema"]),
        config=blob,
        layers=layers,
    )


def _process_data(process: ProcessSpec) -> dict[str, Any]:
    return {
        "name": process.name,
        "kind": process.kind.value,
        "command": list(process.command),
        "health_path": process.health_path,
        "start_timeout_s": process.start_timeout_s,
        "stop_grace_s": process.stop_grace_s,
        "singleton": process.singleton,
    }


def _process_from(data: Mapping[str, Any]) -> ProcessSpec:
    return ProcessSpec(
        name=_text(data["name"]),
        kind=ProcessKind(data["kind"]),
        command=tuple(_text(argument) for argument in data["command"]),
        health_path=None if data["health_path"] is None else _text(data["health_path"]),
        start_timeout_s=int(data["start_timeout_s"]),
        stop_grace_s=int(data["stop_grace_s"]),
        singleton=bool(data["singleton"]),
    )


def step_data(step: Step) -> list[Any]:
    """Without what it is not: the bytes of artefacts that were built before are what they were."""
    return [step.sql, step.alone, step.clear, step.done, *([True] if step.batch else [])]


def _script_data(script: Script) -> dict[str, Any]:
    found: dict[str, Any] = {"release": script.release, "sha256": script.sha256, "sql": script.sql}
    if script.steps:
        found["steps"] = [step_data(one) for one in script.steps]
    return found | {name: value for name, value in (("begins", script.begins), ("ends", script.ends)) if value}


def _script_from(data: Mapping[str, Any]) -> Script:
    return Script(
        release=_text(data["release"]),
        sha256=_text(data["sha256"]),
        sql=_text(data["sql"]),
        steps=tuple(
            Step(_text(sql), bool(alone), _text(clear), _text(done), any(batch))
            for sql, alone, clear, done, *batch in _steps(data)
        ),
        begins=_text(data.get("begins", "")),
        ends=_text(data.get("ends", "")),
    )


def _steps(data: Mapping[str, Any]) -> list[Any]:
    return list(data.get("steps", ()))


def _schema_data(schema: Schema) -> dict[str, Any]:
    return {
        "release": schema.release,
        "initial": _script_data(schema.initial),
        "previous": schema.previous,
        "migrate": None if schema.migrate is None else _script_data(schema.migrate),
        **({} if schema.proof is None else {"proof": dict(schema.proof)}),
        **({} if schema.expanded is None else {"expanded": _script_data(schema.expanded)}),
        **({} if schema.contract is None else {"contract": _contract_data(schema.contract)}),
        **({} if schema.held is None else {"held": _contract_data(schema.held)}),
        **({"check": list(schema.check)} if schema.check else {}),
    }


def _contract_data(contract: Contract) -> dict[str, Any]:
    return {
        "release": contract.release,
        "after": contract.after,
        "script": _script_data(contract.script),
        "proof": dict(contract.proof),
    }


def _contract_from(data: Mapping[str, Any] | None) -> Contract | None:
    """Artefacts that were built before there was any have none."""
    if data is None:
        return None
    return Contract(_text(data["release"]), _text(data["after"]), _script_from(data["script"]), data["proof"])


def _schema_from(data: Mapping[str, Any]) -> Schema:
    return Schema(
        release=_text(data["release"]),
        initial=_script_from(data["initial"]),
        previous=None if data["previous"] is None else _text(data["previous"]),
        migrate=None if data["migrate"] is None else _script_from(data["migrate"]),
        proof=data.get("proof"),
        expanded=None if data.get("expanded") is None else _script_from(data["expanded"]),
        contract=_contract_from(data.get("contract")),
        held=_contract_from(data.get("held")),
        check=tuple(_text(one) for one in data.get("check", ())),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
