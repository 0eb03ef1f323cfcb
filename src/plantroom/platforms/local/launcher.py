"""Becomes an instance: `python -I -S launcher.py INSTANCE_FILE SUPERVISOR_PID_FILE`, run by a server's supervisor.

Imports nothing of Plantroom but one file, and little else, since every start of every instance waits for it. It

1. has the kernel end the instance when the supervisor ends: a supervisor does not take back the children of the one
   before it, which would serve on as orphans and hold their ports;
2. looks whether the unpacked artefact is still what was unpacked: a supervisor starts an instance again by itself;
3. reads secrets, here and nowhere else, so that no file and no other process holds their values;
4. builds the environment from nothing: an instance does not inherit what the server knows for other clients;
5. replaces `{port}`, `{app}` and `{python}` in what the artefact says, and becomes the command.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.machinery
import json
import os
import signal
import sys
import types
from typing import Any, NoReturn

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h: cannot start with what it was given."""

INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
"""Variables of the server that say where one is, and nothing of anybody."""

SAYS = "plantroom launcher: "
"""In front of every line by which it tells that it cannot begin. No value of a secret is ever in one."""

MARK = "PLANTROOM_INSTANCE"
"""Its name, for the application; and by which it and all that it starts are known as an instance's."""

_PR_SET_PDEATHSIG = 1


def fail(text: str) -> NoReturn:
    sys.stderr.write(f"{SAYS}{text}\n")
    sys.exit(EXIT_CONFIG)


def bind_to_supervisor(pid_file: str) -> None:
    """The supervisor writes its process id before it starts anything. If it has ended before prctl(2), this process
    has another parent by now."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        fail(f"the kernel refuses a parent-death signal: {os.strerror(ctypes.get_errno())}")
    with open(pid_file, encoding="ascii") as file:
        if int(file.read()) != os.getppid():
            fail("the supervisor that started this instance has ended")


def look_at(app: str) -> None:
    """By the list that lies beside it."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "runtime", "tree.py")
    tree = importlib.machinery.SourceFileLoader("tree", path)
    module = types.ModuleType("tree")
    tree.exec_module(module)
    wrong = module.difference(app, module.list_of(app))
    if wrong is not None:
        fail(f"the artefact in {app} was altered: {wrong}; starting it by an apply or a release unpacks it anew")


def secret(name: str, reference: dict[str, str | None]) -> str:
    """The value, without the line end that editors put at the end of a file."""
    variable, path = reference.get("env"), reference.get("file")
    if variable is not None:
        if variable not in os.environ:
            fail(
                f"secret {name}: there is no environment variable {variable}; start `plantroom up` with it and apply"
                " again, or give the secret by a file"
            )
        return os.environ[variable]
    try:
        with open(str(path), encoding="utf-8") as file:
            return file.read().removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"secret {name}: cannot read the file {path}: {getattr(error, 'strerror', None) or error}")


def main(instance_file: str, pid_file: str) -> None:
    bind_to_supervisor(pid_file)
    with open(instance_file, encoding="utf-8") as file:
        instance: dict[str, Any] = json.load(file)
    # The interpreter below the virtual environment, so that an artefact stands on its own libraries, not on ours.
    python: str = getattr(sys, "_base_executable", "") or sys.executable
    look_at(instance["app"])
    known = {"{port}": str(instance["port"]), "{app}": instance["app"], "{python}": python}

    def replaced(text: str) -> str:
        for placeholder, value in known.items():
            text = text.replace(placeholder, value)
        return text

    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # into a tree in which nothing is to be added
    environment.update({name: replaced(value) for name, value in instance["template"].items()})
    environment.update(instance["variables"])
    environment[MARK] = instance["id"]
    if instance["port"]:
        environment["PORT"] = str(instance["port"])
    environment.update({name: secret(name, reference) for name, reference in instance["secrets"].items()})
    command = [replaced(argument) for argument in instance["process"]["command"]]
    # A disk that is full shall keep nobody from coming back: then this start is not counted.
    with contextlib.suppress(OSError), open(instance["starts"], "ab") as starts:
        starts.write(b".")
    directory = os.path.join(instance["app"], environment.pop("PLANTROOM_WORKDIR", ""))
    try:
        os.chdir(directory)
        os.execvpe(command[0], command, environment)
    except OSError as error:
        fail(f"cannot run {command[0]} in {directory}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
