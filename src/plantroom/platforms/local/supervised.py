"""A server's supervisor: Supervisor itself, as it must be here, and what it is asked beyond its own commands.

`python -m plantroom.platforms.local.supervised -c FILE` is `supervisord` that goes on when its logs cannot be written.
Left alone it ends of an error in its own log, and all instances of the server end with it: a full disk would take
down every client.

An instance is all of its process group: it is gone when the last of them is, and when the first ends unasked the others
are ended too, so that what is started in its place is alone.

Supervisor takes a new program only by reading every program's file again, which on a server with many instances costs
more than all else in a start. `plantroom.start` reads the one file that is new, and `plantroom.end` stops and forgets
in one question. Source: Supervisor's documentation, "Extending Supervisor's XML-RPC API".
"""

from __future__ import annotations

import base64
import os
import signal
import time
from contextlib import suppress
from typing import Any

from supervisor import loggers, supervisord
from supervisor.options import UnhosedConfigParser
from supervisor.process import Subprocess
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.states import RUNNING_STATES, STOPPED_STATES, ProcessStates
from supervisor.xmlrpc import Faults, RPCError

from plantroom.runtime.processes import of_group


class Instances:
    """`plantroom.start` and `plantroom.end`; each may be asked any number of times."""

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord
        self._own = SupervisorNamespaceRPCInterface(supervisord)
        self._ending: dict[str, tuple[int, float]] = {}

    def start(self, name: str, conf: str, variables: dict[str, str]) -> int:
        """Take the program of this name from its file unless it is known, start it unless it runs; its state.

        @param string name The program
        @param string conf The file that declares it
        @param struct variables What its secrets are read from, by name, in base64; kept in memory alone
        @return int state Its code in supervisor/states.py
        """
        for variable, value in variables.items():
            os.environb[os.fsencode(variable)] = base64.b64decode(value)
        if name not in self._supervisord.process_groups:
            options = self._supervisord.options
            parser = UnhosedConfigParser()
            parser.expansions = options.environ_expansions
            if not parser.read(conf):
                raise RPCError(Faults.NO_FILE, conf)
            for group in options.process_groups_from_parser(parser):
                self._supervisord.add_process_group(group)
        process = self._process(name)
        if process is None:
            raise RPCError(Faults.BAD_NAME, name)
        if process.get_state() == ProcessStates.BACKOFF:
            process.delay = 0  # what kept it from running may be mended: it is tried at once, by the supervisor itself
        elif process.get_state() not in RUNNING_STATES:
            self._own.startProcess(name, False)
        return int(process.get_state())

    def end(self, name: str) -> bool:
        """Stop the program if it runs, forget it once it has ended; whether it is gone.

        @param string name The program
        @return boolean gone False while it still ends: ask again
        """
        process = self._process(name)
        if process is None:
            return True
        if process.get_state() in RUNNING_STATES:
            if process.pid:
                self._ending[name] = process.pid, time.monotonic() + process.config.stopwaitsecs
            self._own.stopProcess(name, False)
        elif process.get_state() == ProcessStates.STOPPING:
            # Left alone, the supervisor looks at its children once a second.
            self._supervisord.reap()
        if process.get_state() not in STOPPED_STATES or self._others_run(name):
            return False
        return bool(self._own.removeProcessGroup(name))

    def _others_run(self, name: str) -> bool:
        """Whether what it has started still ends, as it was asked to as well; beyond the grace it is made to."""
        group, until = self._ending.get(name, (0, 0.0))
        if group and _runs(group):
            if time.monotonic() > until:
                _end(group)
            return True
        self._ending.pop(name, None)
        return False

    def _process(self, name: str) -> Any:
        group = self._supervisord.process_groups.get(name)
        return None if group is None else group.processes.get(name)


def make(supervisord: Any, **_config: str) -> Instances:
    """The factory that a server's configuration names."""
    return Instances(supervisord)


def keep_on_without_logs() -> None:
    """Lines that cannot be written are lost; the next one that can be is in the log again."""
    close, roll_over = loggers.FileHandler.close, loggers.RotatingFileHandler.doRollover

    def lose(handler: Any) -> None:
        """By default it is told on standard error, which is a file on the same disk."""

    def close_all_the_same(handler: Any) -> None:
        with suppress(OSError):
            close(handler)
        handler.closed = True

    def roll_over_if_possible(handler: Any) -> None:
        with suppress(OSError, ValueError):
            roll_over(handler)
        if handler.stream.closed:
            with suppress(OSError):
                handler.stream = open(handler.baseFilename, "ab")  # noqa: SIM115 - it is the handler's

    loggers.Handler.handleError = lose
    loggers.FileHandler.close = close_all_the_same
    loggers.RotatingFileHandler.doRollover = roll_over_if_possible


def end_groups_with_their_first() -> None:
    """Asked to end, all of a group are, each in its time; of one that ends by itself nothing is left."""
    finish = Subprocess.finish

    def finish_all(one: Any, pid: int, status: int) -> None:
        asked = one.killing
        finish(one, pid, status)
        if not asked:
            _end(pid)

    Subprocess.finish = finish_all


def _runs(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    # Somebody answers; whether it is more than what is left of one takes longer to find out.
    return bool(of_group(group))


def _end(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    keep_on_without_logs()
    end_groups_with_their_first()
    supervisord.main()
