"""What squawk says of a script's text, for what running it on a small database cannot show.

https://squawkhq.com; rules on style, and on settings that the runner makes itself, are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from plantroom.delivery.schema.model import Hazard, HazardClass, SchemaError, Statement

_LEFT_OUT = (
    *("require-timeout-settings", "require-lock-timeout", "require-statement-timeout", "prefer-robust-stmts"),
    *("prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity", "prefer-text-field"),
    *("prefer-timestamptz", "ban-char-field", "transaction-nesting", "prefer-bigint", "prefer-big-int"),
    *("require-concurrent-index-creation", "require-concurrent-index-deletion", "ban-drop-not-null"),
)


def check(statements: Sequence[Statement]) -> list[Hazard]:
    """One for each finding. Raises SchemaError PR004 when squawk does not answer as it should."""
    if not statements:
        return []
    begins: list[int] = []
    lines = 0
    for one in statements:
        begins.append(lines)
        lines += one.sql.count("\n") + 1
    text = "".join(f"{one.sql};\n" for one in statements)
    command = [str(Path(sys.executable).parent / "squawk"), "--reporter", "json", "--stdin-filepath", "script.sql"]
    ended = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    try:
        found = json.loads(ended.stdout)
    except ValueError as error:
        said = (ended.stderr or ended.stdout).strip()[:200]
        raise SchemaError("PR004", "squawk", value=said or "did not answer") from error
    return [
        Hazard(
            HazardClass.RULE,
            max(number for number, line in enumerate(begins) if line <= one["line"]),
            one["rule_name"],
            one["message"],
        )
        for one in found
        if one["rule_name"] not in _LEFT_OUT and one["rule_name"] != "syntax-error"
    ]
