# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the commands of ```console blocks and compares what they print.

A line that begins with `$ ` is a command; the lines after it, up to the next one or
the end of the block, are its output.
"""

import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main():
    failures = commands = 0
    for name in sys.argv[1:]:
        for block in BLOCK.findall(Path(name).read_text()):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                commands += 1
                result = subprocess.run(
                    command, shell=True, text=True, capture_output=True
                )
                if result.returncode != 0 or result.stdout != expected:
                    failures += 1
                    print(f"{name}: $ {command}\n{result.stderr}{result.stdout}")
    print(f"{commands} commands, {failures} failures")
    sys.exit(1 if failures or not commands else 0)


if __name__ == "__main__":
    main()
