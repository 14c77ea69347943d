# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Private runs: what needs no engine, then real runs where it is installed
(scripts/setup --spu)."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import TOOLS, run_tool

from pi_mlir import private_run
from pi_mlir.command_line import UserError
from pi_mlir.private import engine, local, report
from pi_mlir.private.program import Program

ROOT = Path(__file__).parents[2]
SPU_PYTHON = ROOT / ".venv-spu" / "bin" / "python"
needs_spu = pytest.mark.skipif(
    not SPU_PYTHON.exists(), reason="the engine is not installed"
)
PEERS = ["--peers", "127.0.0.1:9001,127.0.0.1:9002"]


def environment():
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "python"),
        "PI_TOOLS_DIR": str(TOOLS),
    }


def private_process(*arguments, python=SPU_PYTHON):
    command = [python, "-m", "pi_mlir.private_run", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def run_private(*arguments, python=SPU_PYTHON):
    """Exit status, output and errors of pi-private-run."""
    process = private_process(*arguments, python=python)
    output, errors = process.communicate(timeout=240)
    return process.returncode, output, errors


# ===-- Without the engine ----------------------------------------------------#


@pytest.mark.parametrize(
    "options, message",
    [
        (["--tokens=1"], "--weights is missing: the server's checkpoint"),
        (["--weights=d"], "--text or --tokens is missing: what the client asks"),
        (["--weights=d", "--tokens=1", "--party=0"], "--peers belong together"),
        (["--weights=d", "--tokens=1", *PEERS], "--peers belong together"),
        (["--party=0", "--weights=d", "--tokens=1", *PEERS], "does not see --text"),
        (["--party=1", "--weights=d", "--tokens=1", *PEERS], "not see --weights"),
        (["--weights=d", "--tokens=1,x"], "'1,x' has to be numbers"),
        (["--weights=d", "--tokens=-1"], "has a negative token"),
        (["--weights=d", "--tokens=1", "--timeout=0"], "has to be from 1 to 1000000"),
        (["--weights=d", "--tokens=1", f"--timeout={10**20}"], "has to be from 1 to"),
        (["--weights=d", "--tokens=1", "--memory-limit=nan"], "a number above 0"),
        (["--weights=d", "--tokens=1", "--figure=f.txt"], "has to end with .png"),
        (["--party=0", "--weights=d", "--peers=a:1"], "name two different parties"),
        (["--party=0", "--weights=d", "--peers=a:1,a:1"], "two different parties"),
        (["--party=0", "--weights=d", "--peers=a:1,b:99999"], "port from 1 to 65535"),
    ],
)
def test_wrong_options(capsys, options, message):
    with pytest.raises(SystemExit, match="1"):
        private_run.main(["model.mlir", *options])
    assert message in capsys.readouterr().err


def test_missing_engine_is_an_error(tmp_path):
    status, _, errors = run_private(
        tmp_path / "m.mlir", "--weights=.", "--tokens=1", python=sys.executable
    )
    assert status == 1
    assert "the engine SPU is not installed" in errors
    assert "run scripts/setup --spu" in errors


def test_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"cannot listen on {address}: Address"):
            private_run.check_listen(address)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("0.3, 100", "not done after 0.3 s"),
        ("100, 0.001", "GiB of memory, more than 0.001"),
        ("100, 100, parent=1", "the process that started this party has ended"),
    ],
)
def test_watchdog_ends_the_process(arguments, message):
    code = (
        "import sys, time; from pi_mlir.private.watchdog import Watchdog; "
        f"Watchdog(sys.stderr, {arguments}); time.sleep(20)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment()
    )
    assert result.returncode == 1
    assert message in result.stderr


def test_profile_is_read():
    log = """\
[info] [api.cc:223] - pphlo.dot, executed 1 times, duration 0.1s, send bytes 7 recv bytes 8, send actions 1, recv actions 1
[info] [api.cc:223] - pphlo.add, executed 1 times, duration 0.1s, send bytes 0 recv bytes 0, send actions 0, recv actions 0
[info] [api.cc:233] Link details: total send bytes 7, recv bytes 8, send actions 1, recv actions 1
[info] [api.cc:233] Link details: total send bytes 1, recv bytes 2, send actions 3, recv actions 4
"""
    assert engine.read_profile(log) == [
        {"sent": 7, "received": 8, "messages": 2, "primitives": {"dot": 15}},
        {"sent": 1, "received": 2, "messages": 7, "primitives": {}},
    ]


def test_costs_are_joined_by_location_and_order():
    def step(location, op):
        return {"location": location, "op": op, "measured": 10, "messages": 1}

    steps = [
        step("wpe", "pi.add"),
        step("h", "pi.attention"),
        step("a", "pi.relu"),
        step("a", "pi.relu"),
    ]
    steps[1]["location"] = "h.scores"
    modelled = [
        {"location": "h.scores", "bytes": 4.0},
        {"location": "a", "bytes": 5.0},
        {"location": "a", "bytes": 6.0},
    ]
    rows = report.join_costs(steps, modelled)
    assert [row["modelled"] for row in rows] == [0, 4.0, 5.0, 6.0]
    assert rows[1]["kind"] == "pi.attention.scores"


def test_malformed_share_is_refused():
    empty = bytes(8)
    short = (b"", b"\x05", b"\0", empty + b"\0\0", (9).to_bytes(8, "little") + b"short")
    huge = b"\xff" * 8 + b"x"
    for data in (*short, huge, empty * (engine.MAXIMAL_PARTS + 1)):
        with pytest.raises(UserError, match="malformed share"):
            engine.split_parts(data)


def test_parts_of_a_share_come_back():
    share = SimpleNamespace(meta=b"meta", share_chunks=[b"", b"12345678" * 9, b"x"])
    packed = engine.pack_share(share)
    assert engine.split_parts(packed) == [share.meta, *share.share_chunks]


def test_stopped_run_leaves_nothing(tmp_path):
    """Neither its parties, nor their files: which stand-ins play here."""
    party = (
        "import tempfile, time; d = tempfile.TemporaryDirectory(prefix='party-'); "
        "print('begun', file=open(d.name + '/file', 'w'), flush=True); time.sleep(60)"
    )
    code = f"""
import sys, tempfile
from pathlib import Path
from types import SimpleNamespace
from pi_mlir.command_line import run
from pi_mlir.private.local import run_local

def main():
    link = SimpleNamespace(addresses=["127.0.0.1"] * 2, command=start)
    options = SimpleNamespace(
        model="m", weights="w", protocol="p", inputs=None, timeout=60, memory_limit=1
    )
    with tempfile.TemporaryDirectory(prefix="pi-private-") as directory:
        run_local(options, [1], Path(directory), link)

def start(rank, arguments):
    return [sys.executable, "-c", {party!r}, "{tmp_path}"]

run(main)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**environment(), "TMPDIR": str(tmp_path)}
    )
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob("pi-private-*/party-*/file"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=30) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    assert_no_party_left(tmp_path)


def test_failing_tool_is_an_error(tmp_path):
    with pytest.raises(UserError, match="could not open input file"):
        Program.load(tmp_path / "missing.mlir")


SCALED = """
pi.parameter @w : tensor<8x8xf32>
pi.parameter @fused : tensor<8x8xf32> derived {
  %w = pi.load @w : tensor<8x8xf32>
  %p = pi.matmul %w, %w : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  pi.yield %p : tensor<8x8xf32>
}
pi.parameter @alpha : tensor<f32>
func.func @forward(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = pi.load @fused : tensor<8x8xf32>
  %alpha = pi.load @alpha : tensor<f32>
  %0 = pi.linear %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = pi.scaled_residual %x, %0 alpha %alpha beta %alpha
      : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<f32>, tensor<f32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}
"""


@pytest.mark.parametrize(
    "name, found, needed",
    [("w", [8, 4], "[8, 8]"), ("fused", [4, 8], "[8, 8]"), ("alpha", [1], "[]")],
)
def test_tensor_of_another_shape(tmp_path, name, found, needed):
    """Also where only a derivation reads it, and a vector is no scalar."""
    module = tmp_path / "model.mlir"
    module.write_text(SCALED)
    checkpoint = {"w": np.ones((8, 8)), "alpha": np.ones(()), "fused": np.ones((8, 8))}
    if name == "w":
        del checkpoint["fused"]
    checkpoint[name] = np.ones(found)
    expected = (
        f"parameter '{name}' has shape {found} in the checkpoint, but {needed} in "
        "the model"
    )
    with pytest.raises(UserError, match=re.escape(expected)):
        Program.load(module).parameter_values(checkpoint)


# ===-- With the engine -------------------------------------------------------#


@needs_spu
def test_share_of_another_shape_is_refused():
    """By the engine's own shares, which one process makes."""
    code = """
import numpy as np
from pi_mlir.command_line import UserError
from pi_mlir.private import engine

spu, libspu = engine.import_engine()
config = libspu.RuntimeConfig(
    protocol=libspu.ProtocolKind.CHEETAH, field=libspu.FieldType.FM64
)
io = spu.Io(2, config)

def make(value):
    return io.make_shares(value, libspu.Visibility.VIS_SECRET)

value = np.arange(6, dtype=np.float32).reshape(2, 3)
mine, theirs = make(value)
data = engine.pack_share(theirs)
like = make(np.zeros((), np.float32))[0]
share = engine.unpack_share(libspu, data, (2, 3), like)
print(abs(io.reconstruct([mine, share]) - value).max() < 1e-4)
for shape, like in (((3, 2), like), ((2, 3), make(np.zeros((), np.int32))[0])):
    try:
        engine.unpack_share(libspu, data, shape, like)
    except UserError as error:
        print(error)
"""
    result = subprocess.run(
        [SPU_PYTHON, "-c", code], capture_output=True, text=True, env=environment()
    )
    sent = "the other party sent a share of shape [2, 3] and type DT_F32; expected "
    lines = [line for line in result.stdout.splitlines() if "[info]" not in line]
    assert lines == [
        "True",
        sent + "[3, 2] and DT_F32",
        sent + "[2, 3] and DT_I32",
    ], result.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A module and its checkpoint; a fused FFN and a temperature are derived."""
    from pi_mlir.make_checkpoint import make_checkpoint

    directory = tmp_path_factory.mktemp("private")
    checkpoint = directory / "checkpoint"
    make_checkpoint(
        checkpoint,
        vocab_size=300,
        n_positions=16,
        n_embd=32,
        n_layer=1,
        n_head=2,
        initializer_range=0.2,
        tokenizer=False,
    )
    imported, rewritten = directory / "gpt2.mlir", directory / "private.mlir"
    run_tool("pi-translate", "--import-gpt2", checkpoint, "-o", imported)
    architecture = "--pi-architecture=name=EReg(SM(t)+ScFuFFN)"
    run_tool("pi-opt", imported, architecture, "-o", rewritten)
    return rewritten, checkpoint


def free_peers():
    return ",".join(f"127.0.0.1:{port}" for port in local.find_ports(2))


def list_processes(model):
    """The arguments of each process that runs `model`, by its number."""
    processes = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_text().split("\0")
        except OSError:
            continue  # It has ended.
        if str(model) in arguments:
            processes[int(path.parent.name)] = arguments
    return processes


def assert_no_party_left(model):
    """No process of a run is alive a moment later."""
    deadline = time.monotonic() + 10
    while processes := list_processes(model):
        assert time.monotonic() < deadline, f"left behind: {processes}"
        time.sleep(0.1)


def run_operations(name):
    """Differences on shares of the results of a module of this directory, and
    the results in the clear."""
    directory = Path(__file__).parent
    result = subprocess.run(
        [SPU_PYTHON, directory / "run_private_operations.py", directory / name],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=240,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    results = json.loads(result.stdout)
    # 18 fractional bits; approximations of exp, tanh, erf and 1 / sqrt.
    assert {k: v for k, v in results["differences"].items() if not v < 5e-3} == {}
    return results["differences"], results["clear"]


@needs_spu
def test_operations_on_shares():
    """The engine takes the text of each operation and computes it right."""
    differences, _ = run_operations("private_operations.mlir")
    assert len(differences) == 18


@needs_spu
def test_evaluations_of_attention():
    """An attention is the same however it is evaluated."""
    differences, clear = run_operations("private_attention.mlir")
    assert len(differences) == 19
    for name, value in clear.items():
        expected = clear[name.split("_")[0].removesuffix(".context") + ".context"]
        # A chain of squares is within 1.5e-4 of e^x, so that the six
        # probabilities of a row are, together, within 2 * 6 * 1.5e-4.
        largest = np.abs(expected).max()
        tolerance = 1.8e-3 * largest if "narrow" in name else 1e-6
        np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance)


COMPILE = """
import sys
from pathlib import Path
import spu
from spu import libspu
source = libspu.CompilationSource(
    libspu.SourceIRType.STABLEHLO,
    Path(sys.argv[1]).read_bytes(),
    [libspu.Visibility.VIS_SECRET],
)
print(spu.compile(source, libspu.CompilerOptions()).decode())
"""


@needs_spu
def test_polynomial_is_truncated_once(tmp_path):
    """What the engine makes of a polynomial has the products of its powers and
    one of all coefficients: each is truncated."""
    module, text = tmp_path / "polynomial.mlir", tmp_path / "polynomial.stablehlo.mlir"
    module.write_text("""
        func.func @forward(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
          %0 = pi.polynomial %x coefficients [0.5, 0.25, 0.125, 0.0625] : tensor<4x8xf32>
          return %0 : tensor<4x8xf32>
        }""")
    run_tool("pi-translate", "--pi-to-stablehlo", module, "-o", text)
    command = [SPU_PYTHON, "-c", COMPILE, text]
    program = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=True
    ).stdout
    assert program.count("pphlo.dot ") == 1
    assert program.count("pphlo.multiply ") == 2


MIXED = """
func.func @forward(%x: tensor<1x4x24xFORMAT>, %b: tensor<24xf32>, %t: tensor<2x4xf32>, %m: tensor<4x3xFORMAT>)
    -> (tensor<1x4x24xFORMAT>, tensor<1x4x24xFORMAT>, tensor<1x4x8xFORMAT>, tensor<3x3xf32>) {
  %0 = pi.add %x, %b : (tensor<1x4x24xFORMAT>, tensor<24xf32>) -> tensor<1x4x24xFORMAT>
  %1 = pi.layer_norm %x, %b, %b epsilon 1.0e-5
      : (tensor<1x4x24xFORMAT>, tensor<24xf32>, tensor<24xf32>) -> tensor<1x4x24xFORMAT>
  %2 = pi.attention %x temperature %t heads 2 scale 0.5 causal
      : (tensor<1x4x24xFORMAT>, tensor<2x4xf32>) -> tensor<1x4x8xFORMAT>
  %3 = pi.matmul %m transposed, %m
      : (tensor<4x3xFORMAT>, tensor<4x3xFORMAT>) -> tensor<3x3xf32>
  return %0, %1, %2, %3
      : tensor<1x4x24xFORMAT>, tensor<1x4x24xFORMAT>, tensor<1x4x8xFORMAT>, tensor<3x3xf32>
}
"""
EVALUATE_MIXED = """
import sys
from pathlib import Path
import ml_dtypes, numpy as np
from pi_mlir.private.program import evaluate
rng = np.random.default_rng(0)
x, b, m = (rng.standard_normal(shape) for shape in ((1, 4, 24), 24, (4, 3)))
inputs = [x, b, rng.random((2, 4)) + 0.5, m]
short = {0, 3}
inputs = [v.astype(ml_dtypes.bfloat16) if i in short else v for i, v in enumerate(inputs)]
wide = evaluate(Path(sys.argv[1]).read_text(), [v.astype(np.float32) for v in inputs])
mixed = evaluate(
    Path(sys.argv[2]).read_text(),
    [v if i in short else v.astype(np.float32) for i, v in enumerate(inputs)],
)
for one, other in zip(wide, mixed):
    np.testing.assert_array_equal(one.astype(other.dtype), other)
"""


@needs_spu
def test_operations_on_mixed_formats(tmp_path):
    """What is f32 beside bf16 makes an operation compute in f32 and round once."""
    texts = []
    for element in ("f32", "bf16"):
        module = tmp_path / f"{element}.mlir"
        module.write_text(MIXED.replace("FORMAT", element))
        texts.append(tmp_path / f"{element}.stablehlo.mlir")
        run_tool("pi-translate", "--pi-to-stablehlo", module, "-o", texts[-1])
    command = [SPU_PYTHON, "-c", EVALUATE_MIXED, *texts]
    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr[-2000:]


@needs_spu
@pytest.mark.parametrize("inputs", ["shared", "owned", "mixed"])
def test_local_run(model, tmp_path, inputs):
    module, checkpoint = model
    output, figure = tmp_path / "run.json", tmp_path / "run.png"
    options = ["--inputs", inputs]
    if inputs == "mixed":
        # As the module says: the client makes its one-hot rows.
        source, module, options = module, tmp_path / "mixed.mlir", []
        passes = "--pi-keep-with-owner=weights=false"
        run_tool("pi-opt", source, passes, "-o", module)
    status, text, errors = run_private(
        module,
        *("--weights", checkpoint, "--tokens", "5,6,7,8,9", *options),
        *("--json", output, "--figure", figure),
    )
    assert status == 0, errors
    assert "next token: " in text and "\ntotal " in text
    result = json.loads(output.read_text())
    assert result["inputs"] == inputs
    assert result["largest_difference"] < 0.02
    assert result["same_tokens"] == result["positions"] == 5
    assert figure.stat().st_size > 0
    total = result["total"]
    assert abs(total["measured"] / total["modelled"] - 1) < 0.05
    # The run in the clear is the compiled model's.
    check_clear_run(module, checkpoint, result)


def check_clear_run(module, checkpoint, result):
    from pi_mlir.runtime import Model

    artifact = module.with_suffix(".pi")
    run_tool("pi-compile", module, "--target=cpu", "-o", artifact)
    with Model(artifact, checkpoint) as compiled:
        logits = compiled.forward([[5, 6, 7, 8, 9] + [0] * 11])
    assert result["next_token"] == int(logits[0, 4].argmax())
    largest = float(abs(logits[0, :5]).max())
    assert result["largest_logit"] == pytest.approx(largest, rel=1e-4)


@needs_spu
def test_two_parties_by_themselves(model):
    module, checkpoint = model
    peers = free_peers()
    server = private_process(
        module, "--party=0", "--peers", peers, "--weights", checkpoint
    )
    status, text, errors = run_private(
        module, "--party=1", "--peers", peers, "--tokens=5,6,7"
    )
    server_text, server_errors = server.communicate(timeout=60)
    assert status == 0, errors
    assert server.returncode == 0, server_errors
    assert "next token: " in text and "\ntotal " in text
    # The server does not learn the result.
    assert "next token" not in server_text and "\ntotal " in server_text


@needs_spu
def test_parties_that_disagree(model):
    module, checkpoint = model
    peers = free_peers()
    server = private_process(
        module, "--party=0", "--peers", peers, "--weights", checkpoint
    )
    status, _, errors = run_private(
        *(module, "--party=1", "--peers", peers, "--tokens=5", "--inputs=owned")
    )
    _, server_errors = server.communicate(timeout=60)
    assert (status, server.returncode) == (1, 1)
    assert "runs another model, or with other options" in errors
    assert "runs another model, or with other options" in server_errors


@needs_spu
@pytest.mark.parametrize(
    "options, message",
    [
        (["--timeout=1"], "not done after 1 s"),
        (["--memory-limit=0.05"], "GiB of memory, more than 0.05"),
        (["--tokens=300"], "token 300 is out of range: the model has 300 tokens"),
        (["--tokens=" + ",".join("1" * 17)], "17 tokens are too many"),
        (["--weights=/no/such"], "party 0 (server): /no/such: cannot be read: No such"),
        (["--json=/no/such/run.json"], "No such file or directory"),
    ],
)
def test_failing_local_run(model, options, message):
    module, checkpoint = model
    status, _, errors = run_private(
        module, "--weights", checkpoint, "--tokens=1,2", *options
    )
    assert status == 1
    assert message in errors and "Traceback" not in errors
    assert_no_party_left(module)


def find_party(model, rank):
    """The process number of one party of a local run."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for number, arguments in list_processes(model).items():
            if "--party" in arguments:
                if arguments[arguments.index("--party") + 1] == str(rank):
                    return number
        time.sleep(0.05)
    raise AssertionError("the party did not start")


@needs_spu
def test_party_that_dies(model):
    module, checkpoint = model
    process = private_process(module, "--weights", checkpoint, "--tokens=1,2")
    os.kill(find_party(module, 1), signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "party 1 (client): was killed" in errors
    assert_no_party_left(module)


@needs_spu
def test_run_that_is_killed_leaves_no_party(model):
    module, checkpoint = model
    process = private_process(module, "--weights", checkpoint, "--tokens=1,2")
    find_party(module, 1)
    process.kill()
    process.communicate()
    assert_no_party_left(module)
