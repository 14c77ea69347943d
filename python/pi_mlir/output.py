# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Output directories and files that appear complete or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from pi_mlir.command_line import UserError


def check_output(path, marker, kind, force):
    """Whether a directory may be made at `path`.

    An existing one is replaced only with `force`, and only if it has a file
    `marker`, by which a `kind` is told from whatever else the user may have.
    """
    if not os.path.lexists(path):
        return
    if not force:
        raise UserError(f"{path} exists already; give --force to replace it")
    if not (path / marker).is_file():
        raise UserError(f"{path} is no {kind}; --force leaves it")


@contextlib.contextmanager
def new_directory(path, marker, kind, force=False):
    """A temporary directory beside `path`, which becomes `path` at the end.

    After an exception nothing is left of it, and an old `path` stays. What the
    system refuses, in the body too, is an error of the user's.
    """
    check_output(path, marker, kind, force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{path.name}.", dir=path.parent
        ) as scratch:
            made, replaced = Path(scratch) / "new", Path(scratch) / "old"
            made.mkdir()
            yield made
            check_output(path, marker, kind, force)
            if path.exists():
                path.rename(replaced)
            try:
                made.rename(path)
            except OSError:
                if replaced.exists():
                    replaced.rename(path)
                raise
    except OSError as error:
        raise UserError(f"{error.filename or path}: {error.strerror}") from error


@contextlib.contextmanager
def new_file(path):
    """A binary file that becomes `path` at the end, also in place of another.

    After an exception nothing is left of it, and an old `path` stays. What is no
    regular file, such as /dev/stdout, is written as it is.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        return
    path = path.resolve()  # A link stays one.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
