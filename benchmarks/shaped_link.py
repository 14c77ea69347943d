# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A link of a given bandwidth and round trip between two network namespaces.

Each namespace has a TUN device, and a process of this program carries packets
from one to the other: every direction has the bandwidth for itself, one packet
leaves after the other, and each arrives half a round trip later. None is lost.
The kernel's TCP runs on both ends, so acknowledgements and windows take the time
that they take on such a link. Needs root, and neither netem nor any other kernel
module but tun.
"""

import collections
import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

from pi_mlir.command_line import UserError

TUN_DEVICE = "/dev/net/tun"
# linux/if_tun.h, linux/virtio_net.h
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02
VNET_HEADER = 10
#: Large segments travel as one packet, as between a host and its network card.
PACKET = VNET_HEADER + 65536

#: Buffers hold what is on the way at 10 Gbps and 100 ms. A connection that was
#: idle goes on at the speed it had, and since nothing is lost, Reno never slows
#: down: the link alone bounds it.
SETTINGS = {
    "net/ipv4/tcp_rmem": "4096 131072 134217728",
    "net/ipv4/tcp_wmem": "4096 131072 134217728",
    "net/ipv4/tcp_slow_start_after_idle": "0",
    "net/ipv4/tcp_congestion_control": "reno",
}


def run_ip(*arguments):
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        reason = result.stderr.strip() or f"status {result.returncode}"
        raise UserError(
            f"ip {' '.join(arguments)}: {reason}; a shaped link needs a machine "
            "that allows network namespaces"
        )


def check_machine():
    """Raises if this machine cannot make such a link."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise UserError("a shaped link needs network namespaces: run it as root")
    if shutil.which("ip") is None:
        raise UserError("ip is not there; install the package iproute2")
    try:
        os.close(os.open(TUN_DEVICE, os.O_RDWR))
    except OSError as error:
        raise UserError(
            f"{TUN_DEVICE}: {error.strerror}; a shaped link needs the kernel's TUN "
            "devices"
        ) from error


def open_tun(name):
    """A new TUN device of this name, as a file of packets."""
    file = os.open(TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR
    try:
        fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        fcntl.ioctl(file, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    except OSError as error:
        os.close(file)
        raise UserError(
            f"{TUN_DEVICE}: {error.strerror}; a shaped link needs a machine that "
            "allows network devices"
        ) from error
    return file


class Direction:
    """Packets on their way from one device to the other."""

    def __init__(self, source, target, bandwidth, delay):
        self.source, self.target = source, target
        self.bandwidth, self.delay = bandwidth, delay
        self.free = 0.0  # When the last packet has left.
        self.waiting = collections.deque()

    def receive(self):
        """Takes the packets that the source has."""
        while True:
            try:
                packet = os.read(self.source, PACKET)
            except BlockingIOError:
                return
            start = max(self.free, time.monotonic())
            bits = 8 * (len(packet) - VNET_HEADER)
            self.free = start + bits / self.bandwidth
            self.waiting.append((self.free + self.delay, packet))

    def deliver(self):
        """Hands over the packets that have arrived; gives the seconds until the
        next one does, or None."""
        while self.waiting:
            left = self.waiting[0][0] - time.monotonic()
            if left > 0:
                return left
            try:
                os.write(self.target, self.waiting.popleft()[1])
            except OSError:
                pass  # The device is gone or full, where a link drops packets too.
        return None


def carry(files, bandwidth, round_trip, parent):
    """Carries packets between two devices as long as the process `parent` lives."""
    directions = [
        Direction(*pair, bandwidth, round_trip / 2) for pair in (files, files[::-1])
    ]
    while os.getppid() == parent:
        waits = [wait for d in directions if (wait := d.deliver()) is not None]
        ready, _, _ = select.select(files, [], [], min(waits, default=1.0))
        for direction in directions:
            if direction.source in ready:
                direction.receive()


class ShapedLink:
    """A link between `addresses` with `bandwidth` bits in a second in each direction, and a round
    trip of `round_trip` seconds. A context; leaving it removes everything."""

    addresses = ("10.213.0.1", "10.213.0.2")

    def __init__(self, bandwidth, round_trip):
        self.bandwidth, self.round_trip = bandwidth, round_trip
        self.namespaces = [f"pi-link-{os.getpid()}-{end}" for end in (0, 1)]
        self.carrier = None

    def __enter__(self):
        check_machine()
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _make(self):
        files = []
        try:
            for end, namespace in enumerate(self.namespaces):
                device = f"pi{os.getpid()}.{end}"
                run_ip("netns", "add", namespace)
                files.append(open_tun(device))
                run_ip("link", "set", device, "netns", namespace)
                run_ip("-n", namespace, "link", "set", "lo", "up")
                address = f"{self.addresses[end]}/24"
                run_ip("-n", namespace, "addr", "add", address, "dev", device)
                run_ip("-n", namespace, "link", "set", device, "up")
                self._configure(namespace)
            parent = os.getpid()
            self.carrier = os.fork()
            if self.carrier == 0:
                self._run_carrier(files, parent)
        finally:
            for file in files:
                os.close(file)

    def _configure(self, namespace):
        script = "".join(
            f"echo '{value}' > /proc/sys/{name}\n" for name, value in SETTINGS.items()
        )
        run_ip("netns", "exec", namespace, "sh", "-ec", script)

    def _run_carrier(self, files, parent):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            carry(files, self.bandwidth, self.round_trip, parent)
        finally:
            os._exit(1)

    def _remove(self):
        if self.carrier:
            os.kill(self.carrier, signal.SIGKILL)
            os.waitpid(self.carrier, 0)
            self.carrier = None
        for namespace in self.namespaces:
            if Path("/run/netns", namespace).exists():
                subprocess.run(["ip", "netns", "del", namespace], check=False)

    def command(self, end, arguments):
        """The command line that runs `arguments` at one end."""
        return ["ip", "netns", "exec", self.namespaces[end], *arguments]
