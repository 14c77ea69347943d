# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How programs end: with their status, with an error, or by a signal."""

import os
import signal
import subprocess
import sys

import pytest

BEGIN = """
import os, signal, time
from pathlib import Path
from pi_mlir.command_line import ended_by_signals, run
from pi_mlir.output import new_directory, new_file

def wait():
    print("ready", flush=True)
    time.sleep(60)

"""
DIRECTORY = """
def main():
    with new_directory(Path("out"), "mark", "thing") as made:
        (made / "mark").write_text("half")
        wait()
"""
FILE = """
def main():
    with new_file("out") as file:
        file.write(b"half")
        file.flush()
        wait()
"""


def start(code, folder, **options):
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + code + "\nrun(main)\n"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("code", [DIRECTORY, FILE])
def test_a_signal_leaves_nothing(tmp_path, code, number):
    process = start(code, tmp_path)
    assert process.stdout.readline() == "ready\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(number)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == -number
    assert list(tmp_path.iterdir()) == []


def test_native_code_ends_at_once(tmp_path):
    code = """
import hashlib
def main():
    with ended_by_signals():
        print("ready", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
    process = start(code, tmp_path)
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM


def test_handlers_come_back(tmp_path):
    code = """
def main():
    with ended_by_signals():
        pass
    with new_directory(Path("out"), "mark", "thing") as made:
        os.kill(os.getpid(), signal.SIGTERM)
        wait()
"""
    process = start(code, tmp_path)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_an_ignored_signal_stays_ignored(tmp_path):
    code = """
def main():
    os.kill(os.getpid(), signal.SIGHUP)
    print("goes on")
"""
    process = start(
        code,
        tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.communicate(timeout=30) == ("goes on\n", "")
    assert process.returncode == 0


def test_a_full_disk_is_blamed_on_its_file(tmp_path):
    """Not on standard output, where the program has said something before."""
    (tmp_path / "out").symlink_to("/dev/full")
    code = """
def main():
    print("begun")
    with new_file("out") as file:
        file.write(b"text")
"""
    process = start(code, tmp_path)
    assert process.communicate(timeout=30) == (
        "begun\n",
        "error: out: No space left on device\n",
    )
    assert process.returncode == 1


def test_an_error_without_a_file(tmp_path):
    code = """
def main():
    raise OSError(28, "No space left on device")
"""
    process = start(code, tmp_path)
    assert process.communicate() == ("", "error: No space left on device\n")


def test_a_closed_output(tmp_path):
    code = """
def main():
    print("begun")
"""
    process = start(code, tmp_path, preexec_fn=lambda: os.close(1))
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0
