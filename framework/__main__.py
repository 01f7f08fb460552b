"""`python -m framework` and the `framework` command."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    words = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if words[:1] == ["run"] and not {"-h", "--help"} & set(sys.argv):
        # Before anything else is imported: the fork server needs most of a second to load Faust, and this process may
        # load what it needs meanwhile.
        from framework.lifecycle.process import start_fork_server

        start_fork_server()
    from framework.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
