"""Names in SQL, as they are written and as PostgreSQL keeps them. Pure."""

from __future__ import annotations

import re

# By what is not in them: a range of all that is beyond ASCII costs `re` a quarter of a second for every pattern.
FIRST = r"[^\x00-@\[-^`{-\x7f]"
"""A letter, an underscore, or anything beyond ASCII: what a name may begin with."""
NEXT = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""The same, a digit or a dollar sign: what may come after it."""
IDENTIFIER = rf'(?:"(?:[^"]|"")+"|{FIRST}{NEXT}*)'
NAME = rf"{IDENTIFIER}(?:\s*\.\s*{IDENTIFIER})?"
"""With its schema or without."""
_IDENTIFIER = re.compile(IDENTIFIER)


def kept(identifier: str) -> str:
    """As the catalogue has it: `Item` is item, `"Item"` is Item."""
    if identifier.startswith('"'):
        return identifier[1:-1].replace('""', '"')
    return identifier.lower()


def parts(name: str) -> tuple[str, str]:
    """Schema (or nothing) and name, as the catalogue has them."""
    found = [kept(one) for one in _IDENTIFIER.findall(name)]
    return (found[0], found[1]) if len(found) > 1 else ("", found[0])


def words(sql: str) -> set[str]:
    """Whatever may be a name in it."""
    return {kept(one) for one in _IDENTIFIER.findall(sql)}


def quoted(*names: str) -> str:
    """Names of the catalogue as they are written, joined by dots. In quotes always: they may be words of SQL."""
    return ".".join('"' + one.replace('"', '""') + '"' for one in names)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
