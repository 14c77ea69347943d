# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ends a party that takes too long, too much memory, or has lost its parent."""

import os
import threading
import time
from pathlib import Path

INTERVAL = 0.1  # seconds


def resident_gib():
    """Resident memory of this process in GiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


class Watchdog:
    """A thread that ends the process with a message and exit status 1: the
    engine waits and allocates in native code, where no exception reaches."""

    def __init__(self, stream, timeout, memory_limit, parent=None):
        self.stream = stream
        self.timeout, self.memory_limit, self.parent = timeout, memory_limit, parent
        self.deadline = time.monotonic() + timeout
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while True:
            if reason := self._find_reason():
                print(f"error: {reason}", file=self.stream, flush=True)
                os._exit(1)
            time.sleep(INTERVAL)

    def _find_reason(self):
        if time.monotonic() > self.deadline:
            return f"not done after {self.timeout} s (--timeout)"
        if (used := resident_gib()) > self.memory_limit:
            return (
                f"takes {used:.2f} GiB of memory, more than {self.memory_limit:g} "
                "(--memory-limit); a shorter or narrower model needs less"
            )
        if self.parent is not None and os.getppid() != self.parent:
            return "the process that started this party has ended"
        return None
