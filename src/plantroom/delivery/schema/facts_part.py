"""What the catalogue query is made of: parts, each with a condition that tells cheaply whether it would find anything.

A fleet's databases are looked at by fresh connections, and to those a query costs by what it names rather than by what
it finds: reading the text, looking up each catalogue, function and operator, planning. Most databases have tables and
little else, so the conditions of all parts together cost a fifth of the parts that they spare.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the query's rows. `there` holds wherever the part finds a row, and may hold where it does not; "" for
    what every database has."""

    text: str
    there: str = ""


def some(rows: str) -> str:
    """There is a row of these."""
    return f"EXISTS (SELECT FROM {rows})"


def made(*catalogs: str) -> str:
    """There is something in one of the catalogues that initdb did not make."""
    return " OR ".join(some(f"{catalog} WHERE oid >= 16384") for catalog in catalogs)
