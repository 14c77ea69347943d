# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds the documents of folders: which files, in which order, in which split."""

import fnmatch
import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from pi_mlir.command_line import UserError


class Document(NamedTuple):
    """A file of text. `group` is the first part of its path in the folder."""

    path: Path
    group: str
    size: int
    digest: bytes

    def read(self):
        """The text, which has to be what it was when the file was found."""
        content = _read(self.path)
        if hashlib.sha256(content).digest() != self.digest:
            raise UserError(f"{self.path}: the file has changed meanwhile; run again")
        return content.decode("utf-8")


class Documents(NamedTuple):
    """What was found, and how many files were left out for which reason."""

    found: list
    skipped: Counter


def find_documents(folders, include=("*",), max_bytes=1 << 20):
    """The documents of `folders`, in an order that depends on names alone.

    A file counts if its name matches a pattern of `include`, it is UTF-8 without
    NUL, has 1 to `max_bytes` bytes, and no file before it has the same content.
    Hidden files, links and devices are left out.
    """
    found, skipped, seen = [], Counter(), set()
    for folder in folders:
        for relative in _list_files(folder, include, skipped):
            path = folder / relative
            content = _read(path, max_bytes + 1)
            if reason := _reason_to_skip(content, max_bytes):
                skipped[reason] += 1
                continue
            digest = hashlib.sha256(content).digest()
            if digest in seen:
                skipped["duplicate"] += 1
                continue
            seen.add(digest)
            found.append(Document(path, relative.parts[0], len(content), digest))
    return Documents(found, skipped)


def split_groups(groups, fraction, seed):
    """The groups that validate: those whose hash is in the lowest `fraction`.

    A group's hash depends on its name and `seed` alone, so that it stays where it
    is when others come and go. Where both splits can have a group, both have.
    """
    if not fraction:
        return set()
    ranked = sorted(
        (hashlib.sha256(f"{seed}:".encode() + os.fsencode(group)).digest(), group)
        for group in set(groups)
    )
    limit = min(int(fraction * 2**64), 2**64 - 1).to_bytes(8, "big")
    count = sum(digest[:8] < limit for digest, _ in ranked)
    count = min(max(count, 1), len(ranked) - 1)
    return {group for _, group in ranked[:count]}


def _list_files(folder, include, skipped):
    """Paths of files relative to `folder`, in the order of their bytes."""
    files, pending = [], [Path()]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(folder / directory) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        skipped["hidden"] += 1
                    elif entry.is_dir(follow_symlinks=False):
                        pending.append(directory / entry.name)
                    elif not entry.is_file(follow_symlinks=False):
                        skipped["link or device"] += 1
                    elif any(fnmatch.fnmatchcase(entry.name, p) for p in include):
                        files.append(directory / entry.name)
                    else:
                        skipped["not included"] += 1
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}") from error
    return sorted(files, key=os.fsencode)


def _read(path, limit=-1):
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error


def _reason_to_skip(content, max_bytes):
    if not content:
        return "empty"
    if len(content) > max_bytes:
        return "too large"
    try:
        return "not text" if "\0" in content.decode("utf-8") else None
    except UnicodeDecodeError:
        return "not text"
