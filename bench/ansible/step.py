"""One step of the playbook beside this, as a script of an Ansible user: it speaks to a server's supervisor and to
HAProxy on their Unix sockets. Standard library only: `python3 -S -E step.py VERB …`."""

import contextlib
import http.client
import os
import socket
import sys
import time
import xmlrpc.client
from typing import Any


class Unix(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, _host: object) -> http.client.HTTPConnection:
        made = http.client.HTTPConnection("localhost")
        made.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.sock.connect(self.path)
        return made


def supervisor(path: str) -> Any:
    return xmlrpc.client.ServerProxy("http://localhost", transport=Unix(path)).supervisor


def start(path: str, conf: str, name: str, port: str, release: str, store: str, app: str, python: str) -> None:
    """Write the program and have the supervisor start it; one that is there already is left alone."""
    os.makedirs(store, exist_ok=True)
    with open(conf, "w", encoding="utf-8") as file:
        file.write(
            f"[program:{name}]\ncommand = {python} -I -S app.py {port}\ndirectory = {app}\n"
            f'environment = PLANTROOM_RELEASE="{release}",FILE_STORE="{store}"\n'
            "autorestart = true\nstopsignal = TERM\nstopwaitsecs = 5\nredirect_stderr = true\n"
        )
    server = supervisor(path)
    server.reloadConfig()
    with contextlib.suppress(xmlrpc.client.Fault):
        server.addProcessGroup(name)
    with contextlib.suppress(xmlrpc.client.Fault):
        server.startProcess(name, False)


def stop(path: str, conf: str, name: str) -> None:
    if os.path.exists(conf):
        os.unlink(conf)
    server = supervisor(path)
    with contextlib.suppress(xmlrpc.client.Fault):
        server.stopProcess(name, False)
        while server.getProcessInfo(name)["statename"] == "STOPPING":
            time.sleep(0.02)
        server.removeProcessGroup(name)


def haproxy(path: str, command: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(f"@1 {command}\n".encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def admit(path: str, backend: str, name: str, port: str) -> None:
    there = haproxy(path, f"show servers state {backend}")
    if f" {name} " not in there:
        haproxy(path, f"add server {backend}/{name} 127.0.0.1:{port} check inter 500ms fall 2 rise 1 weight 1")
        haproxy(path, f"enable health {backend}/{name}")
    said = haproxy(path, f"set server {backend}/{name} state ready").strip()
    if said:
        sys.exit(said)


def drain(path: str, backend: str, name: str) -> None:
    haproxy(path, f"set server {backend}/{name} state drain")


def sessions(path: str, backend: str, name: str) -> None:
    """Prints how many the server has."""
    for line in haproxy(path, f"show stat {backend} 4 -1").splitlines():
        fields = line.split(",")
        if len(fields) > 4 and fields[1] == name:
            print(int(fields[2] or 0) + int(fields[4] or 0))
            return
    print(0)


def remove(path: str, backend: str, name: str) -> None:
    haproxy(path, f"set server {backend}/{name} state maint")
    haproxy(path, f"shutdown sessions server {backend}/{name}")
    haproxy(path, f"del server {backend}/{name}")


if __name__ == "__main__":
    verbs = {verb.__name__: verb for verb in (start, stop, admit, drain, sessions, remove)}
    verbs[sys.argv[1]](*sys.argv[2:])
