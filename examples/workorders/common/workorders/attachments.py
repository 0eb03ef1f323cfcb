"""Files that belong to a work order: the bytes in the environment's file store, the rest in the database."""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
from pathlib import Path
from typing import BinaryIO

from psycopg import errors

from workorders.database import Pool, Row
from workorders.errors import Refusal

MAX_BYTES = 10 * 1024 * 1024
_BLOCK = 1 << 16


class Attachments:
    def __init__(self, pool: Pool, file_store: Path) -> None:
        self.pool = pool
        self.directory = file_store / "attachments"

    async def add(self, order: int, name: str, content: BinaryIO) -> int:
        """Keep a file and return its id. The bytes are on disk before the database speaks of them."""
        plain = os.path.basename(name.replace("\\", "/")).strip()[:200]
        if not plain or any(ord(character) < 32 for character in plain):
            raise Refusal(422, "an attachment has a name")
        stored = uuid.uuid4().hex
        size, sha256 = await asyncio.to_thread(self._write, stored, content)
        try:
            async with self.pool.connection() as connection:
                row = await (
                    await connection.execute(
                        "INSERT INTO attachments (order_id, name, size, sha256, stored) VALUES (%s, %s, %s, %s, %s) "
                        "RETURNING id",
                        (order, plain, size, sha256, stored),
                    )
                ).fetchone()
        except errors.ForeignKeyViolation as error:
            (self.directory / stored).unlink(missing_ok=True)
            raise Refusal(404, f"there is no work order {order}") from error
        assert row is not None  # INSERT … RETURNING gives a row or raises
        return int(row["id"])

    async def of(self, order: int) -> list[Row]:
        async with self.pool.connection() as connection:
            query = "SELECT id, name, size, sha256, at FROM attachments WHERE order_id = %s ORDER BY id"
            return await (await connection.execute(query, (order,))).fetchall()

    async def find(self, order: int, attachment: int) -> tuple[str, Path]:
        """Name and path of the bytes."""
        async with self.pool.connection() as connection:
            query = "SELECT name, stored FROM attachments WHERE id = %s AND order_id = %s"
            row = await (await connection.execute(query, (attachment, order))).fetchone()
        if row is None:
            raise Refusal(404, f"work order {order} has no attachment {attachment}")
        path = self.directory / row["stored"]
        if not path.is_file():
            raise Refusal(410, f"the bytes of {row['name']!r} are not in the file store")
        return row["name"], path

    def _write(self, stored: str, content: BinaryIO) -> tuple[int, str]:
        self.directory.mkdir(parents=True, exist_ok=True)
        partial, digest, size = self.directory / f".{stored}.part", hashlib.sha256(), 0
        try:
            with partial.open("xb") as file:
                while block := content.read(_BLOCK):
                    size += len(block)
                    if size > MAX_BYTES:
                        raise Refusal(413, f"an attachment has at most {MAX_BYTES} bytes")
                    digest.update(block)
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.directory / stored)
        finally:
            partial.unlink(missing_ok=True)
        return size, digest.hexdigest()
