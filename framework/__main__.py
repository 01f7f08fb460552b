"""`python -m framework` and the `framework` command."""

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    words = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if os.getpid() == 1 and words[:1] in (["run"], ["worker"]):
        _end_on_interrupt()
    if words[:1] == ["run"] and not {"-h", "--help"} & set(sys.argv):
        # Before anything else is imported: the fork server needs most of a second to load Faust, and this process may
        # load what it needs meanwhile.
        from framework.lifecycle.process import start_fork_server

        start_fork_server()
    from framework.cli.main import main as command_line

    command_line()


def _end_on_interrupt() -> None:
    """Until a supervisor or a worker takes its interrupts, nothing has begun that would have to be finished.

    The kernel keeps each signal without a handler from the first process of a container, which would miss its stop.
    """
    for interrupt in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
        signal.signal(interrupt, lambda *_: os._exit(0))


if __name__ == "__main__":
    main()
