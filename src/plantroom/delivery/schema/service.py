"""What commands and other wirings call."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from plantroom.delivery.schema import renames, rules, sources
from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.generate import FROM, TO, generate
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Diff
from plantroom.delivery.schema.pgdelta import PgDelta
from plantroom.delivery.schema.ports import Engine
from plantroom.runtime.scratch import Scratch

ENGINES = ("pgmig", "pg-delta")


class Schemas:
    """`home`: where what is installed once is kept. `postgres`: the `bin` directory of the PostgreSQL to prove on."""

    def __init__(self, home: Path, postgres: Path | None = None) -> None:
        self._home = home
        self._postgres = postgres

    def diff(
        self,
        source: str,
        target: str,
        *,
        engines: Collection[str] = ENGINES,
        tell: Callable[[str], None] = lambda _: None,
    ) -> Diff:
        """What leads from one schema to the other, proven. Raises SchemaError for what cannot be read or loaded."""
        with ExitStack() as stack:
            tell("starting a throw-away PostgreSQL")
            scratch = stack.enter_context(Scratch(self._home / "engines" / "pgsql", self._postgres))
            ground = Ground(scratch)
            stack.callback(ground.close)
            wanted = sources.read(scratch, target)
            for name, statements, what in ((FROM, sources.read(scratch, source), source), (TO, wanted, target)):
                tell(f"loading {what}")
                sources.load(ground, name, statements, what)
            found = generate(ground, self._engines(stack, engines), renames.declared(wanted), tell)
            if found.script is None:
                return found
            return replace(found, hazards=[*found.hazards, *rules.check(found.script.statements)])

    def _engines(self, stack: ExitStack, wanted: Collection[str]) -> list[Engine]:
        found: list[Engine] = [Pgmig()] if "pgmig" in wanted else []
        if "pg-delta" in wanted:
            delta = PgDelta.find(self._home / "engines")
            if delta is not None:
                stack.callback(delta.close)
                found.append(delta)
        return found
