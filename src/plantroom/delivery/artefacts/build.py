"""Building: a source directory with a build definition becomes an artefact. Same source, same lock, same digest."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plantroom.delivery.artefacts import archive, checks, definition, install
from plantroom.delivery.artefacts.definition import Definition, ProcessPart, SchemaPart
from plantroom.delivery.artefacts.layout import Layout
from plantroom.delivery.artefacts.model import ANY_PLATFORM, Artefact, ArtefactKind, Contract, Schema
from plantroom.delivery.artefacts.ports import Migrations
from plantroom.kernel.digest import sha256
from plantroom.kernel.errors import ArtefactError
from plantroom.platforms.contract import ProcessKind, ProcessSpec, Script

_NEVER = (
    "__pycache__",
    "*.pyc",
    ".git",
    ".hg",
    ".svn",
    ".venv",
    ".DS_Store",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
)
"""Names that are no part of a source, at any depth."""
_PYTHON_ENVIRONMENT = {
    "PYTHONPATH": "{app}/lib:{app}/app",
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""What is in the artefact runs, nothing from the user's home, and nothing is written into it, not even by root."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """Files by their path in the artefact."""

    title: str
    entries: Mapping[str, Path]


def build(directory: Path, layout: Layout, migrations: Migrations | None = None) -> Artefact:
    """Build the artefact of a source directory and keep it in `layout`. The same content again is no work.

    Raises ArtefactError: PR310 a build definition with mistakes, PR311 a lock that is not exact, PR312 dependencies
    that cannot be installed, PR313 a version that exists with other content, PR314 a source that cannot be packed; and
    what `migrations` raises, when the schema's migration is to be generated.
    """
    wanted = definition.read(directory)
    kind = ArtefactKind.FILES if wanted.python is None else ArtefactKind.PYTHON
    with layout.staging() as scratch:
        layers = [*_dependencies(wanted, directory, scratch), _sources(wanted, directory, kind)]
        _refuse_collisions(layers)
        packed: list[tuple[str, Path]] = []
        for layer in layers:
            path = scratch / f"{layer.title}.tar"
            with path.open("wb") as stream:
                archive.pack(layer.entries, stream)
            packed.append((layer.title, path))
        made = _describe(wanted, directory, kind, _schema(wanted, directory, layout, migrations))
        if migrations is not None:
            made = _checked(made, wanted, [path for _, path in packed], layout, migrations, scratch)
        return layout.add(made, packed)


def _describe(wanted: Definition, directory: Path, kind: ArtefactKind, schema: Schema | None) -> Artefact:
    python = kind is ArtefactKind.PYTHON
    locks = [
        (directory / part.requirements).read_bytes() for part in (wanted.python, wanted.binaries) if part is not None
    ]
    return Artefact(
        digest="",
        application=wanted.application,
        version=wanted.version,
        kind=kind,
        platform=install.platform_tag() if locks else ANY_PLATFORM,
        python=install.python_minor() if python else "",
        lock=f"sha256:{sha256(b''.join(locks))}" if locks else "",
        processes=tuple(_process(name, part) for name, part in sorted(wanted.processes.items())),
        environment=_PYTHON_ENVIRONMENT if python else {},
        workdir="{app}/app" if python else "{app}",
        schema=schema,
    )


def _checked(
    made: Artefact,
    wanted: Definition,
    layers: Sequence[Path],
    layout: Layout,
    migrations: Migrations,
    scratch: Path,
) -> Artefact:
    """With what the release before and this one say of the schema on which both will work, in the migration's proof."""
    schema, part = made.schema, wanted.database
    if schema is None or part is None or part.previous is None or schema.proof is None:
        return made
    before = layout.show(f"{wanted.application}@{part.previous}")
    there = checks.left(schema)
    sides = [(one, command) for one in (before, made) if (command := one.schema.check if one.schema else ())]
    # The release before has gone by the time that something is taken away which it may need.
    todo = [(one, command, on) for one, command in sides for on in (list(there) if one is made else list(there)[:1])]
    found: list[Mapping[str, object]] = []
    if todo:
        roots = {}
        for one, _ in sides:
            roots[one.version] = scratch / f"check-{one.version}"
            roots[one.version].mkdir()
            found_layers = layers if one is made else [layout.blob_path(blob.digest) for blob in one.layers]
            if one is not made:
                layout.verify(one.digest)
            archive.unpack(found_layers, roots[one.version])
        with migrations.databases([there[on] for _, _, on in todo]) as urls:
            for place, ((one, command, on), url) in enumerate(zip(todo, urls, strict=True)):
                room = scratch / f"check-{place}-of-{len(todo)}"
                room.mkdir()
                why = checks.run(one, command, roots[one.version], url, room)
                found.append(checks.told(one.version, on, why, bears=checks.BREAKS in part.allow))
    return replace(made, schema=replace(schema, proof={**schema.proof, "checks": found}))


def _process(name: str, part: ProcessPart) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        kind=ProcessKind.WORKER if part.health is None else ProcessKind.WEB,
        command=part.command,
        health_path=part.health,
        start_timeout_s=part.start_timeout,
        stop_grace_s=part.stop_grace,
        singleton=part.singleton,
    )


def _schema(wanted: Definition, directory: Path, layout: Layout, migrations: Migrations | None) -> Schema | None:
    part = wanted.database
    if part is None:
        return None
    return replace(_led_to(wanted, part, directory, layout, migrations), check=part.check or ())


def _led_to(
    wanted: Definition, part: SchemaPart, directory: Path, layout: Layout, migrations: Migrations | None
) -> Schema:
    """With what leads to it from the release before. It is frozen in the artefact: what is approved is what runs."""
    changes = part.previous is not None and (part.generate or part.migrate is not None)
    unchanged = part.previous is not None and not changes
    release = part.previous if unchanged and part.previous is not None else wanted.version
    text = _sql(directory / part.initial)
    before = None if migrations is None or part.previous is None else _before(wanted.application, part.previous, layout)
    if unchanged and before is not None:
        release = before.release
    initial = _script(release, text) if migrations is None else migrations.baseline(release, text)
    held = None if before is None else _left_over(before)
    if not changes or part.previous is None:
        return Schema(release, initial, held=held)
    given = None if part.migrate is None else _sql(directory / part.migrate)
    if migrations is None:
        if given is None:
            raise ArtefactError("PR314", "schema.generate", value="no migrations can be made here")
        return Schema(release, initial, part.previous, _script(release, given))
    assert before is not None
    if given is not None:
        migrate, proof = migrations.prove(release, given, before.initial.sql, text, part.allow)
        return Schema(release, initial, before.release, migrate, proof, held=held)
    hold = part.contract != "now"
    fills = {name: _sql(directory / name) for name in part.fills}
    migrate, proof, rest = migrations.make(release, before.initial.sql, text, part.allow, hold=hold, fills=fills)
    if rest is None:
        return Schema(release, initial, before.release, migrate, proof, held=held)
    expanded, script, proof_of_rest = rest
    contract = Contract(release, migrate.sha256, script, proof_of_rest)
    return Schema(release, initial, before.release, migrate, proof, expanded, contract, held)


def _before(application: str, release: str, layout: Layout) -> Schema:
    found = layout.show(f"{application}@{release}").schema
    if found is None:
        raise ArtefactError(
            "PR314", f"schema.from: {release}", value="that release has no schema", remedy="Name one that has"
        )
    return found


def _left_over(before: Schema) -> Contract | None:
    """What databases of that schema may still have to lose. A release that changes nothing passes it on."""
    return before.contract if before.migrate is not None else before.held


def _script(release: str, sql: str) -> Script:
    return Script(release, sha256(sql.encode()), sql)


def _sql(path: Path) -> str:
    """Of a file, or of all files in a directory."""
    files = sorted(path.rglob("*.sql")) if path.is_dir() else [path]
    if not files:
        raise ArtefactError(
            "PR314", str(path), value="has no *.sql in it", remedy="Name a file, or a directory of them"
        )
    try:
        return "\n".join(file.read_text(encoding="utf-8") for file in files)
    except (OSError, UnicodeDecodeError) as error:
        raise ArtefactError("PR314", str(path), value=str(error), remedy="A script is text in UTF-8") from error


def _dependencies(wanted: Definition, directory: Path, scratch: Path) -> Iterable[_Layer]:
    if wanted.python is not None:
        lock = directory / wanted.python.requirements
        install.install(lock.resolve(), scratch / "lib")
        yield _Layer("lib", {**_below(scratch / "lib", "lib/"), "python.lock": lock})
    if wanted.binaries is not None:
        lock = directory / wanted.binaries.requirements
        install.install(lock.resolve(), scratch / "binaries")
        there = _below(scratch / "binaries", "")
        absent = [name for name in wanted.binaries.take if name not in there]
        if absent:
            programs = ", ".join(name for name in sorted(there) if name.startswith("bin/")) or "none"
            raise ArtefactError(
                "PR314",
                f"binaries.take: {', '.join(absent)}",
                value="not in the wheels",
                limit=f"they have: {programs}",
            )
        yield _Layer("binaries", {**{name: there[name] for name in wanted.binaries.take}, "binaries.lock": lock})


def _sources(wanted: Definition, directory: Path, kind: ArtefactKind) -> _Layer:
    """The application's own files: each source over those before it, without what the definition already carries."""
    carried = {(directory / definition.FILE).resolve()}
    for name in wanted.files().values():
        named = directory / name
        carried.update(one.resolve() for one in (named.rglob("*.sql") if named.is_dir() else (named,)))
    prefix = "app/" if kind is ArtefactKind.PYTHON else ""
    entries: dict[str, Path] = {}
    for source in wanted.sources:
        root = directory / source
        for name, path in install.files_below(root).items():
            if path.name == definition.FILE or path.resolve() in carried or _left_out(name, wanted):
                continue
            entries[prefix + name] = path
    if not entries:
        raise ArtefactError(
            "PR314", str(directory), value="there is nothing to pack", remedy="See `sources`, `include` and `exclude`"
        )
    return _Layer("app", entries)


def _left_out(name: str, wanted: Definition) -> bool:
    if any(fnmatch.fnmatchcase(part, pattern) for part in name.split("/") for pattern in _NEVER):
        return True
    if not any(_covers(pattern, name) for pattern in wanted.include):
        return True
    return any(_covers(pattern, name) for pattern in wanted.exclude)


def _covers(pattern: str, name: str) -> bool:
    """A pattern covers the paths that it matches, and everything below a directory that it names."""
    plain = pattern.rstrip("/")
    return fnmatch.fnmatchcase(name, plain) or fnmatch.fnmatchcase(name, f"{plain}/*")


def _below(root: Path, prefix: str) -> dict[str, Path]:
    return {prefix + name: path for name, path in install.files_below(root).items()}


def _refuse_collisions(layers: Iterable[_Layer]) -> None:
    """A path in two layers, or a file where another has a directory, would depend on the order of unpacking."""
    owner: dict[str, str] = {}
    for layer in layers:
        for name in layer.entries:
            if name in owner:
                raise ArtefactError(
                    "PR314", name, value=f"it is in {owner[name]} and in {layer.title}", remedy="Rename or exclude one"
                )
            owner[name] = layer.title
    for name in owner:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            parent = "/".join(parts[:depth])
            if parent in owner:
                raise ArtefactError("PR314", parent, value=f"it is a file, and {name} is below it", remedy="Rename one")
