# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs tests in processes of their own, several at a time.

Each is forked from a process that has imported what all of them need, so it
starts at once. A crash, or a fault of the GPU, which ends all work of a process,
is a failure of that test only.
"""

import faulthandler
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import Callable, NamedTuple

#: Exit status of a test that cannot run here.
SKIPPED = 77


class Case(NamedTuple):
    """A test: `function(*arguments)` gives its exit status, or raises."""

    name: str
    function: Callable
    arguments: tuple = ()
    #: How many of the last lines of its output are shown.
    lines: int = 1


class Running(NamedTuple):
    test: Case
    process: multiprocessing.Process
    output: Path
    start: float


def start_method():
    """Fork, unless an import has opened the GPU: a child could not use it."""
    for link in Path("/proc/self/fd").iterdir():
        try:
            if os.readlink(link).startswith("/dev/nvidia"):
                return "spawn"
        except OSError:
            pass  # the descriptor of the iteration itself
    return "fork"


def run_child(test, output, threads):
    """The process of `test`; all that it and the libraries print is in `output`."""
    import torch

    os.setsid()
    with open(output, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)
    faulthandler.enable()
    torch.set_num_threads(threads)
    sys.exit(test.function(*test.arguments))


class Runner:
    """Runs tests and prints a line for each, and the last ones of its output."""

    def __init__(self, jobs, timeout, log, scratch):
        self.jobs, self.timeout, self.log, self.scratch = jobs, timeout, log, scratch
        self.context = multiprocessing.get_context(start_method())
        self.failures = []
        self.started = self.passed = self.skipped = 0

    def run(self, tests, jobs=None):
        """Runs `tests`, `jobs` at a time; whether none failed."""
        jobs = jobs or self.jobs
        waiting, running = list(tests), []
        failures = len(self.failures)
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running.append(self.launch(waiting.pop(0), jobs))
                self.collect(running)
        finally:
            for left in running:
                self.kill(left)
        return len(self.failures) == failures

    def launch(self, test, jobs):
        output = Path(self.scratch) / f"output-{self.started}"
        self.started += 1
        threads = max(1, (os.cpu_count() or 1) // jobs)
        process = self.context.Process(target=run_child, args=(test, output, threads))
        process.start()
        return Running(test, process, output, time.monotonic())

    def collect(self, running):
        """Waits until a test ends or is too late, and reports those."""
        first = min(entry.start for entry in running) + self.timeout
        sentinels = [entry.process.sentinel for entry in running]
        wait(sentinels, timeout=max(0, first - time.monotonic()))
        for entry in list(running):
            late = time.monotonic() - entry.start > self.timeout
            if not entry.process.is_alive() or late:
                running.remove(entry)
                status = self.kill(entry) if late else entry.process.exitcode
                self.report(entry, status, late)

    def kill(self, entry):
        """Ends a test with all processes that it started."""
        try:
            os.killpg(entry.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            entry.process.kill()  # not yet the leader of a group
        entry.process.join()
        return entry.process.exitcode

    def report(self, entry, status, late):
        seconds = time.monotonic() - entry.start
        name, lines = entry.test.name, entry.test.lines
        output = ""
        if entry.output.exists():
            output = entry.output.read_text(errors="replace")
            entry.output.unlink()
        word = {0: "ok", SKIPPED: "skip"}.get(status, "FAILED")
        self.passed += word == "ok"
        self.skipped += word == "skip"
        if word == "FAILED":
            self.failures.append(name)
            lines = max(lines, 8)
            if late:
                output += f"\nstopped after {self.timeout} s"
            elif status < 0:
                output += f"\nended by {signal.Signals(-status).name}"
        print(f"{word:6} {name} ({seconds:.1f} s)")
        text = output.strip().splitlines()
        for line in text[max(0, len(text) - lines) :]:
            print(f"       {line}")
        sys.stdout.flush()
        if self.log:
            self.log.write(f"== {word} {name}\n{output}\n")
            self.log.flush()

    def summarize(self):
        """Prints how many tests ended how; an exit status, which is 1 if one
        failed or if none has shown anything."""
        counts = f"{self.passed} passed, {self.skipped} skipped"
        if self.failures:
            counts += f", {len(self.failures)} failed: {', '.join(self.failures)}"
        print(counts)
        return 1 if self.failures or not self.passed else 0
