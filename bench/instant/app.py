"""An application that is there and gone at once: it starts as fast as Python does, and ends when it is told to.

One process, one thread, the standard library's lowest layer. It answers every request with its release and keeps
connections open, as HTTP/1.1 does.
"""

import os
import select
import signal
import sys
from _socket import SO_REUSEADDR, SOL_SOCKET, SOMAXCONN, socket

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ANSWER = (f"HTTP/1.1 200 OK\r\nx-release: {os.environ['PLANTROOM_RELEASE']}\r\ncontent-length: 3\r\n\r\nok\n").encode()
END = b"\r\n\r\n"
listening = socket()
listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(sys.argv[1])))
listening.listen(SOMAXCONN)
poll = select.epoll()
poll.register(listening.fileno(), select.EPOLLIN)
asked: dict[int, tuple[socket, bytes]] = {}
while True:
    for number, _ in poll.poll():
        if number == listening.fileno():
            there = socket(fileno=listening._accept()[0])
            asked[there.fileno()] = (there, b"")
            poll.register(there.fileno(), select.EPOLLIN)
            continue
        there, before = asked[number]
        try:
            more = there.recv(65536)
            if more:
                *requests, rest = (before + more).split(END)
                there.sendall(ANSWER * len(requests))
                asked[number] = (there, rest)
                continue
        except OSError:
            pass
        poll.unregister(number)
        asked.pop(number)[0].close()
