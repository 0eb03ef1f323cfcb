"""The engines that make scripts: pgmig always, pg-delta where Node is there."""

from __future__ import annotations

from plantroom.delivery.schema.model import SchemaError, Statement
from plantroom.delivery.schema.statements import split


class Pgmig:
    """https://pypi.org/project/pgmig/, in this process."""

    name = "pgmig"

    def generate(self, source: str, target: str) -> list[Statement]:
        import pgmig

        try:
            return split(pgmig.generate(source=source, target=target, include_owner=True, include_grants=True))
        except SchemaError:
            raise
        except Exception as error:
            # Whatever it stumbles over is a reason to try another way, and never the end.
            raise SchemaError("PR004", "pgmig", value=str(error).strip() or type(error).__name__) from error
