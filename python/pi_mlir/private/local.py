# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Both parties of a run as processes of this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

from pi_mlir.command_line import UserError


def find_ports(count):
    """Free TCP ports of this machine."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def describe_end(process, message):
    """Why a party ended, as it said itself or as its status says."""
    lines = [line for line in message.splitlines() if line.startswith("error: ")]
    if lines:
        return lines[-1].removeprefix("error: ")
    if process.returncode == -signal.SIGKILL:
        return "was killed, as the system does when memory runs out"
    if process.returncode < 0:
        return f"ended by signal {signal.Signals(-process.returncode).name}"
    detail = message.strip().splitlines()[-1:] or ["no message"]
    return f"ended with status {process.returncode}: {detail[0]}"


def run_local(options, tokens, directory, link=None):
    """Runs both parties here, each with its own secret alone; gives what they
    recorded. When one ends with an error, the other is ended. All that they write
    is in `directory`.

    They speak over loopback, or at both ends of `link`, which has `addresses` and
    `command(end, arguments)`, the command line that runs something at an end.
    """
    hosts = link.addresses if link else ["127.0.0.1"] * 2
    peers = ",".join(f"{host}:{port}" for host, port in zip(hosts, find_ports(2)))
    common = [sys.executable, "-m", "pi_mlir.private_run", str(options.model)]
    common += ["--peers", peers, "--parent", str(os.getpid())]
    for name in ("protocol", "inputs", "timeout", "memory_limit"):
        if (value := getattr(options, name)) is not None:
            common += [f"--{name.replace('_', '-')}", str(value)]
    secrets = [
        ["--weights", str(options.weights)],
        ["--tokens", ",".join(map(str, tokens))],
    ]
    records = [directory / f"party{rank}.json" for rank in (0, 1)]
    errors = [open(directory / f"party{rank}.err", "w+b") for rank in (0, 1)]
    # A party that is killed cannot remove its own temporary files.
    environment = {**os.environ, "TMPDIR": str(directory)}
    processes = []
    try:
        for rank, (secret, record) in enumerate(zip(secrets, records)):
            command = [*common, "--party", str(rank), "--record", str(record), *secret]
            if link:
                command = link.command(rank, command)
            processes.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=errors[rank],
                )
            )
        wait(processes, errors, options.timeout)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for file in errors:
            file.close()
    return [json.loads(record.read_text()) for record in records]


def wait(processes, errors, timeout):
    """Returns when all have ended well; raises when one has not."""
    deadline = time.monotonic() + timeout
    while True:
        for rank, process in enumerate(processes):
            if process.poll() not in (None, 0):
                errors[rank].seek(0)
                message = errors[rank].read().decode(errors="replace")
                name = ("server", "client")[rank]
                raise UserError(
                    f"party {rank} ({name}): {describe_end(process, message)}"
                )
        if all(process.poll() == 0 for process in processes):
            return
        if time.monotonic() > deadline:
            raise UserError(f"not done after {timeout} s (--timeout)")
        time.sleep(0.05)
