# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One party of a run on SecretFlow SPU: shares, steps, and what they send."""

import ctypes
import os
import re
import sys
import tempfile
import time

import numpy as np

from pi_mlir.command_line import UserError

SERVER, CLIENT = 0, 1
PROTOCOLS = {"cheetah": "CHEETAH"}

# A product of matrices, one of elements and two comparisons, on a shared zero:
# keys, the set-up and first extensions of oblivious transfer and the first
# triples are paid here and not by the first operation of the model.
SESSION_SHAPE = (8, 8)
SESSION = """
module @session {
  func.func @main(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x8xf32> {
    %0 = stablehlo.add %x, %y : tensor<8x8xf32>
    %1 = stablehlo.dot_general %0, %0, contracting_dims = [1] x [0] : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    %2 = stablehlo.multiply %1, %0 : tensor<8x8xf32>
    %3 = stablehlo.maximum %2, %0 : tensor<8x8xf32>
    %4 = stablehlo.maximum %3, %1 : tensor<8x8xf32>
    return %4 : tensor<8x8xf32>
  }
}
"""
SESSION_INPUTS = {"session.x": CLIENT, "session.y": SERVER}

#: Parts of a share on the link: the engine's chunks have up to 128 MiB.
MAXIMAL_PARTS = 1 << 12

LINK_DETAILS = re.compile(
    r"Link details: total send bytes (\d+), recv bytes (\d+), "
    r"send actions (\d+), recv actions (\d+)"
)
PRIMITIVE = re.compile(
    r"- pphlo\.(\S+), executed \d+ times, duration \S+s, "
    r"send bytes (\d+) recv bytes (\d+)"
)


def import_engine():
    try:
        import spu
        from spu import libspu
    except ImportError as error:
        raise UserError(
            f"the engine SPU is not installed ({error}); run scripts/setup --spu"
        ) from error
    return spu, libspu


class EngineLog:
    """Catches what the engine prints: its profiler speaks on the output alone.

    The process's own messages go to `stderr`, where the user sees them.
    """

    def __init__(self):
        self.file = tempfile.TemporaryFile(mode="w+b")
        sys.stdout.flush()
        self.stderr = os.fdopen(os.dup(2), "w", buffering=1)
        self.stdout = os.fdopen(os.dup(1), "w", buffering=1)
        for descriptor in (1, 2):
            os.dup2(self.file.fileno(), descriptor)

    def read(self):
        ctypes.CDLL(None).fflush(None)
        self.file.seek(0)
        return self.file.read().decode(errors="replace")

    def last_lines(self, count=3):
        return "\n".join(self.read().splitlines()[-count:])


def read_profile(log):
    """What each run of the engine sent and received, in order."""
    runs, primitives = [], {}
    for line in log.splitlines():
        if match := PRIMITIVE.search(line):
            sent, received = int(match[2]), int(match[3])
            if sent + received:
                primitives[match[1]] = sent + received
        elif match := LINK_DETAILS.search(line):
            sent, received, sends, receives = map(int, match.groups())
            runs.append(
                {
                    "sent": sent,
                    "received": received,
                    "messages": sends + receives,
                    "primitives": primitives,
                }
            )
            primitives = {}
    return runs


def connect_tcp(rank, peers, timeout):
    """Connects over TCP to the other of `peers` (host:port), which may start
    up to `timeout` seconds later."""

    def connect(libspu):
        description = libspu.link.Desc()
        for index, peer in enumerate(peers):
            description.add_party(f"party_{index}", peer)
        description.recv_timeout_ms = description.http_timeout_ms = timeout * 1000
        description.connect_retry_interval_ms = 200
        description.connect_retry_times = timeout * 5
        return libspu.link.create_brpc(description, rank)

    return connect


class Party:
    """One party's end of a run. The server (0) has the weights, the client (1)
    the tokens; only the client learns the result.

    A secret is cut into two random shares, of which the other party gets one, or
    is owned: it stays with its owner until an operation joins it with the
    other's.
    """

    def __init__(self, rank, protocol, connect):
        """`connect(libspu)` gives the link to the other party."""
        self.spu, self.libspu = import_engine()
        self.rank = rank
        libspu = self.libspu
        config = libspu.RuntimeConfig(
            protocol=getattr(libspu.ProtocolKind, PROTOCOLS[protocol]),
            field=libspu.FieldType.FM64,
            fxp_fraction_bits=18,
        )
        config.max_concurrency = 1  # Memory: one set of correlations a thread.
        config.enable_pphlo_profile = True
        config.experimental_enable_colocated_optimization = True
        self.io = self.spu.Io(2, config)

        self.link = connect(libspu)
        self.runtime = self.spu.Runtime(self.link, config)

    def check_same(self, digest):
        """Raises if the other party has another program or other options."""
        theirs = self.exchange(digest.encode()).decode()
        if theirs != digest:
            raise UserError(
                "the other party runs another model, or with other options: both "
                "need the same module and the same --inputs and --protocol"
            )

    def exchange(self, message):
        """Sends a message, and gives the other party's."""
        other = 1 - self.rank
        self.link.send_async(other, message)
        return self.link.recv(other)

    def compile(self, text, names, result, public=()):
        libspu = self.libspu
        visibility = libspu.Visibility
        source = libspu.CompilationSource(
            libspu.SourceIRType.STABLEHLO,
            text.encode(),
            [
                visibility.VIS_PUBLIC if name in public else visibility.VIS_SECRET
                for name in names
            ],
        )
        options = libspu.CompilerOptions()
        options.enable_optimize_denominator_with_broadcast = True
        return libspu.Executable(
            name=result,
            input_names=names,
            output_names=[result],
            code=self.spu.compile(source, options),
        )

    def share(self, name, shape, dtype, owner, owned, array=None):
        """Puts a secret of `owner` into the runtime of this party; `array` is
        the value, at its owner."""
        visibility = self.libspu.Visibility.VIS_SECRET
        if owned:
            # The other party has the shape alone.
            value = np.zeros(shape, dtype) if array is None else array
            share = self.io.make_shares(value, visibility, owner)[self.rank]
        elif self.rank == owner:
            shares = self.io.make_shares(array, visibility)
            self.link.send_async(1 - owner, pack_share(shares[1 - owner]))
            share = shares[owner]
        else:
            like = self.io.make_shares(np.zeros((), dtype), visibility)[self.rank]
            share = unpack_share(self.libspu, self.link.recv(owner), shape, like)
        self.runtime.set_var(name, share)

    def publish(self, name, value=None):
        """Puts a number of the client, which the server gets to know, into the
        runtime of this party as a public i32; `value` is given at the client."""
        if self.rank == CLIENT:
            self.link.send_async(SERVER, str(value).encode())
        else:
            value = int(self.link.recv(CLIENT).decode())
        visibility = self.libspu.Visibility.VIS_PUBLIC
        shares = self.io.make_shares(np.asarray(value, np.int32), visibility)
        self.runtime.set_var(name, shares[self.rank])

    def run(self, executable):
        """Runs a program; gives the seconds it took."""
        start = time.perf_counter()
        self.runtime.run(executable)
        return time.perf_counter() - start

    def reveal_to_client(self, name):
        """The value, at the client; None at the server."""
        share = self.runtime.get_var(name)
        if self.rank == SERVER:
            self.link.send_async(CLIENT, pack_share(share))
            return None
        shape, _ = describe_meta(self.libspu, share.meta)
        theirs = unpack_share(self.libspu, self.link.recv(SERVER), shape, share)
        return self.io.reconstruct([theirs, share])

    def close(self):
        self.link.barrier()
        self.link.stop_link()


def pack_share(share):
    parts = [share.meta, *share.share_chunks]
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def split_parts(data):
    """The parts that pack_share joined, of what the other party sent."""
    parts, offset, view = [], 0, memoryview(data)
    while offset < len(view):
        begin = offset + 8
        end = begin + int.from_bytes(view[offset:begin], "little")
        if max(begin, end) > len(view) or len(parts) == MAXIMAL_PARTS:
            raise UserError("the other party sent a malformed share")
        parts.append(bytes(view[begin:end]))
        offset = end
    if not parts:
        raise UserError("the other party sent a malformed share")
    return parts


def describe_meta(libspu, meta):
    """Shape and type of elements, as the engine wrote them."""
    parsed = libspu.ValueMeta()
    if not parsed.ParseFromString(meta):
        raise UserError("the other party sent a malformed share")
    return list(parsed.shape.dims), parsed.data_type


def unpack_share(libspu, data, shape, like):
    """A share that the other party sent, of a value of this shape whose elements
    have the type of the share `like`. The engine checks that the size fits."""
    meta, *chunks = split_parts(data)
    found, expected = (describe_meta(libspu, m) for m in (meta, like.meta))
    if found != (list(shape), expected[1]):
        raise UserError(
            f"the other party sent a share of shape {found[0]} and type "
            f"{found[1].name}; expected {list(shape)} and {expected[1].name}"
        )
    share = libspu.Share()
    share.meta, share.share_chunks = meta, chunks
    return share
