# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How this package's programs read arguments and report errors."""

import argparse
import os
import sys


class ArgumentParser(argparse.ArgumentParser):
    """Keeps the line breaks of the description; exit status 1 on an error."""

    def __init__(self, **options):
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: error: {message}\n")


class UserError(Exception):
    """An error that its message explains; no traceback is needed."""


def run(main):
    """Runs `main()`, and ends the process with its status."""
    try:
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    except OSError as error:
        # Python would report what is left in the buffer once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = error.filename or "standard output"
        print(f"error: {where}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
