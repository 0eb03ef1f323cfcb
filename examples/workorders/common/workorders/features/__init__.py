"""What a release adds. Each module in this package is one feature and has it in a variable named `feature`.

Release 1.0 has none. A later release is the common code with its own modules in this package; so what a release
changed can be read in its directory.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute

from workorders.database import Pool


@dataclass(frozen=True, slots=True)
class Choice:
    """A column of work orders with a fixed set of values; in forms and pages, and in the API both ways."""

    name: str
    label: str
    values: tuple[str, ...]
    default: str


Check = Callable[[Pool], Awaitable[str | None]]
"""None when all is well; else, in words, what is not."""


@dataclass(frozen=True, slots=True)
class Feature:
    """`links` are (label, path) in the navigation; `checks` (name, check) are part of the health of an instance."""

    choices: tuple[Choice, ...] = ()
    routes: tuple[BaseRoute, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    checks: tuple[tuple[str, Check], ...] = ()


def discover() -> tuple[Feature, ...]:
    """The features of this release, by name of their modules."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").feature for name in names)
