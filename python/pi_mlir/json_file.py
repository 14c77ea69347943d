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


def read_json_object(path, maximal_bytes=MAXIMAL_BYTES, hint=""):
    """The object that a file of JSON has, as a dictionary. Whatever is wrong is a
    UserError; `hint` follows what the system says of a file that it lacks."""
    try:
        value = parse_json(read_regular_file(path, maximal_bytes).decode("utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}{hint}") from error
    except ValueError as error:
        raise UserError(f"{path}: malformed JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file has to be an object")
    return value


class JsonObject:
    """A JSON object whose fields are checked as they are taken."""

    def __init__(self, path, value, name=""):
        self.path, self.value, self.name = path, value, name
        if not isinstance(value, dict):
            self.fail(f"{name or 'the file'} has to be an object")

    def fail(self, message):
        raise UserError(f"{self.path}: {message}")

    def take(self, key, kind):
        """The full name and the value of a field, which is of a Python type."""
        name = f"{self.name}.{key}" if self.name else key
        if key not in self.value:
            self.fail(f"{name} is missing")
        value = self.value[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            self.fail(f"{name} has to be of type {kind.__name__}, but is {value!r:.60}")
        return name, value

    def integer(self, key, low, high):
        name, value = self.take(key, int)
        if not low <= value <= high:
            self.fail(f"{name} has to be in [{low}, {high}], but is {value!r:.60}")
        return value

    def choice(self, key, choices):
        name, value = self.take(key, str)
        if value not in choices:
            self.fail(f"{name} has to be {' or '.join(choices)}, but is {value!r:.60}")
        return value

    def pattern(self, key, pattern, what):
        name, value = self.take(key, str)
        if not pattern.fullmatch(value):
            self.fail(f"{name} has to be {what}, but is {value!r:.60}")
        return value
