"""What the platform tells an instance, by environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """`database_url` is a libpq URI without a password; `file_store` a directory; times in seconds."""

    database_url: str
    file_store: Path
    release: str
    client: str
    environment: str
    remind_every_s: float


def from_environment(variables: Mapping[str, str]) -> Settings:
    """The settings, or SystemExit that names every variable which is missing."""
    missing = [name for name in ("DATABASE_URL", "FILE_STORE") if not variables.get(name)]
    if missing:
        raise SystemExit(f"workorders: not set: {', '.join(missing)}")
    return Settings(
        database_url=variables["DATABASE_URL"],
        file_store=Path(variables["FILE_STORE"]),
        release=variables.get("PLANTROOM_RELEASE", "unknown"),
        client=variables.get("PLANTROOM_CLIENT", "nobody"),
        environment=variables.get("PLANTROOM_ENVIRONMENT", "local"),
        remind_every_s=float(variables.get("REMIND_EVERY_S", "5")),
    )
