"""Where the `plantroom` command begins, before anything that takes long to import."""

from __future__ import annotations

import signal


def main() -> None:
    """Until all is imported Ctrl-C ends the process at once, as it would one that is not Python: nothing was begun, and
    an interrupt in the middle of an import would be told by where it struck. One that is ignored stays so."""
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from plantroom.entrypoints.cli.main import main as run

    signal.signal(signal.SIGINT, interrupt)
    run()


if __name__ == "__main__":
    main()
