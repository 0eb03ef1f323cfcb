"""The steps of observing and applying: names, inputs and outputs. Ids and names only."""

from __future__ import annotations

from dataclasses import dataclass, field

OBSERVE_WORKFLOW = "Observe"
APPLY_WORKFLOW = "Apply"
GO_LIVE_WORKFLOW = "GoLive"

OBSERVE = "estate.observe"
VIEW = "apply.view"
SERVER = "apply.server"
POOL = "apply.pool"
ROUTES = "apply.routes"
BOARD = "apply.board"
CLEAR = "apply.clear"
REMOVE_SERVER = "apply.remove-server"
END = "apply.end"
WAKE = "apply.go-live"


@dataclass(frozen=True)
class ApplyView:
    """What an applied plan holds, by name. `waiting` are changes with the instant at which they begin."""

    servers: list[str] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    clear: list[str] = field(default_factory=list)
    remove_servers: list[str] = field(default_factory=list)
    concurrency: int = 4
    turns: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ApplyStep:
    digest: str
    name: str = ""
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ApplyResult:
    done: bool
    why: str = ""


@dataclass(frozen=True)
class GoLiveInput:
    change: str
    at: str
