# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The link that benchmarks/private_latency.py shapes, and how it says what a
machine lacks."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pi_mlir.command_line import UserError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import private_latency  # noqa: E402
import shaped_link  # noqa: E402

ECHO = """
import socket
listener = socket.create_server(("10.213.0.1", 7000))
peer, _ = listener.accept()
while data := peer.recv(1000):
    peer.sendall(data)
"""
ASK = """
import socket, time
peer = socket.create_connection(("10.213.0.1", 7000))
for _ in range(3):
    start = time.monotonic()
    peer.sendall(b"x")
    peer.recv(1000)
    print(time.monotonic() - start)
"""


def is_allowed():
    try:
        shaped_link.check_machine()
    except UserError:
        return False
    return True


needs_link = pytest.mark.skipif(not is_allowed(), reason="no network namespaces")


def get_namespaces():
    result = subprocess.run(["ip", "netns"], capture_output=True, text=True)
    return [name for name in result.stdout.split() if str(os.getpid()) in name]


def test_packets_leave_one_after_the_other():
    source, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    source.setblocking(False)
    target, received = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # 1000 bytes take 0.2 s, and 0.05 s more to arrive.
    direction = shaped_link.Direction(
        source.fileno(), target.fileno(), bandwidth=40e3, delay=0.05
    )
    start = time.monotonic()
    for letter in b"ab":
        theirs.send(bytes([letter]) * (1000 + shaped_link.VNET_HEADER))
    direction.receive()
    arrivals = []
    while (wait := direction.deliver()) is not None:
        arrivals.append(wait + time.monotonic() - start)
        time.sleep(wait)
    assert arrivals == pytest.approx([0.25, 0.45], abs=0.05)
    assert [received.recv(2000)[:1] for _ in range(2)] == [b"a", b"b"]
    for each in (source, theirs, target, received):
        each.close()


@needs_link
def test_a_round_trip_takes_what_was_asked_for():
    with shaped_link.ShapedLink(1e9, 0.08) as link:
        assert len(get_namespaces()) == 2
        server = subprocess.Popen(link.command(0, [sys.executable, "-c", ECHO]))
        time.sleep(1)
        client = subprocess.run(
            link.command(1, [sys.executable, "-c", ASK]),
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert server.wait(timeout=20) == 0
    times = [float(line) for line in client.stdout.split()]
    assert len(times) == 3 and 0.08 <= min(times) < 0.16
    assert get_namespaces() == []


@needs_link
def test_an_error_removes_the_link():
    with pytest.raises(KeyboardInterrupt):
        with shaped_link.ShapedLink(1e9, 0.001):
            raise KeyboardInterrupt
    assert get_namespaces() == []


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("os.geteuid", lambda: 1000, "needs network namespaces: run it as root"),
        ("shutil.which", lambda name: None, "install the package iproute2"),
    ],
)
def test_a_machine_that_cannot(monkeypatch, name, value, message):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(name, value)
    with pytest.raises(UserError, match=message):
        shaped_link.check_machine()


def test_a_machine_without_tun(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(shaped_link, "TUN_DEVICE", "/nowhere/tun")
    with pytest.raises(UserError, match="/nowhere/tun: No such file"):
        shaped_link.check_machine()


@pytest.mark.parametrize("link", ["100", "100,x", "0,1", "-1,1", "1,-1", "nan,1"])
def test_a_link_that_is_none(capsys, link):
    with pytest.raises(SystemExit, match="1"):
        private_latency.parse_arguments(["m", "--weights=w", f"--links={link}"])
    assert "has to be Mbps,milliseconds, as in 100,40" in capsys.readouterr().err
