"""Who may call, while the estate's files are being written."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from plantroom.entrypoints.web.app import People
from plantroom.estate.errors import EstateError
from plantroom.estate.template import write_template


async def test_a_link_that_leads_nowhere_is_a_mistake_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(EstateError, match=r"gone\.yaml:1:1: cannot be read"):
        await People(tmp_path).actor(os.geteuid())


async def test_the_last_people_stay_while_a_file_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pwd.getpwuid", lambda uid: pwd.struct_passwd(["ada", "x", uid, 0, "", "/", "/bin/sh"]))
    write_template(tmp_path, "Ada Lovelace", "ada")
    people = People(tmp_path)
    assert await people.actor(7) == "ada-lovelace"
    os.mkfifo(tmp_path / "pipe.yaml")
    assert await people.actor(7) == "ada-lovelace"
