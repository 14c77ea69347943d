# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Output directories and files that appear complete or not at all."""

import contextlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
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


def flush(path):
    """Has what a file or the names in a directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder):
    """Has all files of a folder on the disk, many at a time: one after another,
    each would wait for the disk."""
    paths = [path for path in folder.rglob("*") if not path.is_symlink()]
    with ThreadPoolExecutor(32) as pool:
        for _ in pool.map(flush, [*paths, folder]):
            pass


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
            # A rename that is on the disk before the files would show empty ones.
            flush_tree(made)
            try:
                if path.exists():
                    path.rename(replaced)
                made.rename(path)
            except BaseException:  # a signal too, since `replaced` goes with scratch
                if replaced.exists() and not path.exists():
                    replaced.rename(path)
                raise
            flush(path.parent)
    except OSError as error:
        raise UserError(f"{error.filename or path}: {error.strerror}") from error


@contextlib.contextmanager
def new_file(path):
    """A binary file that becomes `path` at the end, also in place of another.

    After an exception nothing is left of it, and an old `path` stays. What is no
    regular file, such as /dev/stdout, is written as it is. Errors of the system
    name `path`.
    """
    path = Path(path)
    is_special = path.exists() and not path.is_file()
    target = path if is_special else path.resolve()  # A link stays one.
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if is_special:
            with open(target, "wb") as file:
                yield file
            return
        try:
            with open(temporary, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        flush(target.parent)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise
