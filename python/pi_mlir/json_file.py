# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files of JSON that others made, read with suspicion, as the runtime does."""

import json
import os
import stat

from pi_mlir.command_line import UserError

MAXIMAL_BYTES = 1 << 24


def parse_json(text):
    """The value of a text; ValueError for all that is no plain JSON.

    A name that an object has twice means different things to different readers.
    """

    def make_object(pairs):
        value = {}
        for name, member in pairs:
            if name in value:
                raise ValueError(f"an object has the field {name!r:.60} twice")
            value[name] = member
        return value

    def refuse(name):
        raise ValueError(f"{name} is no number of JSON")

    try:
        return json.loads(text, object_pairs_hook=make_object, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("too many levels of brackets") from error


def read_regular_file(path, maximal_bytes):
    """The bytes of a file; UserError unless it is a regular one of at most that
    size, and OSError where the system does not give it."""
    # Without O_NONBLOCK a pipe would be waited for before it is refused.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path}: not a regular file")
        if status.st_size > maximal_bytes:
            raise UserError(
                f"{path}: {status.st_size} bytes are too many (at most {maximal_bytes})"
            )
        return file.read(maximal_bytes)


def read_json_object(path, hint=""):
    """The object that a file of JSON has, as a dictionary. Whatever is wrong is a
    UserError; `hint` follows what the system says of a file that it lacks."""
    try:
        value = parse_json(read_regular_file(path, MAXIMAL_BYTES).decode("utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}{hint}") from error
    except ValueError as error:
        raise UserError(f"{path}: malformed JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file has to be an object")
    return value
