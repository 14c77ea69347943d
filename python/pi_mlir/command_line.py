# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How this package's programs read arguments, report errors and end."""

import argparse
import contextlib
import io
import os
import signal
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


def integer(low, high):
    """The type of an argument that is an integer from `low` to `high`."""

    def parse(text):
        try:
            value = int(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"'{text:.60}' is no integer") from error
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"has to be from {low} to {high}, but is {text:.60}"
            )
        return value

    return parse


#: Of seeds, which are 64 bits, and of sizes and counts, which are 32 with a sign.
MAXIMAL_SEED, MAXIMAL_INT = (1 << 64) - 1, (1 << 31) - 1


class UserError(Exception):
    """An error that its message explains; no traceback is needed."""


class Terminated(BaseException):
    """A signal asks the process to end, which removes what it has begun."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def _terminate(number, frame):
    for each in SIGNALS:  # What is removed from now on is removed whole.
        signal.signal(each, signal.SIG_IGN)
    raise Terminated(number)


def _handle_signals():
    for number in SIGNALS:
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores one
            signal.signal(number, _terminate)


@contextlib.contextmanager
def ended_by_signals():
    """Signals end the process at once, as they do by default: for native code,
    which no exception reaches, while there is nothing to remove."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number, handler in handlers.items():
            if handler == _terminate:
                signal.signal(number, signal.SIG_DFL)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _StandardOutput(io.TextIOWrapper):
    """A stream whose errors have a name, as those of files have."""

    NAME = "standard output"

    def __init__(self, stream):
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self._stream = stream  # Its end would close the buffer.

    def write(self, text):
        return self._call(super().write, text)

    def flush(self):
        self._call(super().flush)

    def _call(self, function, *arguments):
        try:
            return function(*arguments)
        except OSError as error:
            error.filename = self.NAME
            raise


def run(main):
    """Runs `main()`, and ends the process with its status."""
    _handle_signals()
    # None where the caller has closed it.
    sys.stdout = _StandardOutput(sys.stdout or open(os.devnull, "w"))
    try:
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    except OSError as error:
        if error.filename == _StandardOutput.NAME:
            # Python would report what is left in the buffer once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Terminated as error:
        signal.signal(error.number, signal.SIG_DFL)
        os.kill(os.getpid(), error.number)
