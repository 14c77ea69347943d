# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a model between two parties who do not show each other their secrets.

Party 0, the server, has the weights; party 1, the client, has the tokens, and
learns the logits. The engine is SecretFlow SPU (scripts/setup --spu) with the
Cheetah protocols, for two parties that follow the protocol but look at all
they see. Prints the next token, how far the logits are from a run in the clear,
and what each operation sent beside what pi-estimate-cost says of it.

--parties local runs both parties here, as two processes that speak over
loopback TCP. --party K --peers A,B runs one of them: start both, on two
machines, with the same module.
"""

import argparse
import json
import math
import os
import socket
import sys
import tempfile
from pathlib import Path

from pi_mlir.checkpoint import read_checkpoint
from pi_mlir.command_line import (
    ArgumentParser,
    UserError,
    ended_by_signals,
    integer,
    run,
)
from pi_mlir.private import engine, local, report
from pi_mlir.private.program import Program, run_tool
from pi_mlir.private.watchdog import Watchdog

EPILOG = """\
examples:
  pi-private-run private.mlir --weights DIR --text 'def fib' --parties local
  pi-private-run private.mlir --weights DIR --tokens 818,11,7 --json run.json
  pi-private-run private.mlir --party 0 --peers a:9000,b:9000 --weights DIR
  pi-private-run private.mlir --party 1 --peers a:9000,b:9000 --tokens 818,11,7
"""

MAXIMAL_SECONDS = 10**6  # the engine counts milliseconds in 32 bits
COST_PROFILE = "spu-0.9.5"


def parse_peers(text):
    """`host:port,host:port` as a list of two."""
    peers = text.split(",")
    for peer in peers:
        host, _, port = peer.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise argparse.ArgumentTypeError(
                f"'{peer}' has to be host:port, with a port from 1 to 65535"
            )
    if len(peers) != 2 or peers[0] == peers[1]:
        raise argparse.ArgumentTypeError(
            f"'{text}' has to name two different parties, as a:9000,b:9000"
        )
    return peers


def parse_tokens(text):
    try:
        tokens = [int(token) for token in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{text}' has to be numbers, as in 818,11,7"
        ) from error
    if min(tokens) < 0:
        raise argparse.ArgumentTypeError(f"'{text}' has a negative token")
    return tokens


def parse_positive(convert):
    def parse(text):
        try:
            value = convert(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"'{text}' has to be a number above 0")
        return value

    return parse


def parse_arguments(arguments):
    parser = ArgumentParser(prog="pi-private-run", description=__doc__, epilog=EPILOG)
    parser.add_argument("model", type=Path, help="module of the pi dialect")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="checkpoint directory: the server's secret",
    )
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument(
        "--text",
        help="text to continue, the client's secret; - reads standard input",
    )
    secret.add_argument(
        "--tokens", type=parse_tokens, metavar="LIST", help="its tokens, as 818,11,7"
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="DIR",
        help="directory with tokenizer.json, for --text (default: --weights)",
    )
    parser.add_argument(
        "--protocol",
        choices=sorted(engine.PROTOCOLS),
        default="cheetah",
        help="default: cheetah",
    )
    parser.add_argument(
        "--inputs",
        choices=["shared", "owned"],
        help="shared: every secret is cut into two random shares first, as in "
        "published runs; owned: it stays with its owner until an operation joins "
        "it with the other's, which sends less (default: as the module says, see "
        "pi-keep-with-owner)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--parties",
        choices=["local"],
        default="local",
        help="local: both here, over loopback TCP (default)",
    )
    where.add_argument(
        "--party", type=int, choices=[0, 1], help="run one party: 0 server, 1 client"
    )
    parser.add_argument(
        "--peers",
        type=parse_peers,
        metavar="A,B",
        help="addresses of server and client as host:port, with --party",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the report as JSON"
    )
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help="write it as a PNG, SVG or PDF"
    )
    parser.add_argument(
        "--timeout",
        type=integer(1, MAXIMAL_SECONDS),
        default=600,
        metavar="S",
        help="give up after S seconds (default: 600)",
    )
    parser.add_argument(
        "--memory-limit",
        type=parse_positive(float),
        default=8.0,
        metavar="GIB",
        help="give up when one party takes more (default: 8)",
    )
    # How a local run starts its parties.
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    check_arguments(parser, options)
    return options


def check_arguments(parser, options):
    has_tokens = options.text is not None or options.tokens is not None
    if (options.party is None) != (options.peers is None):
        parser.error("--party and --peers belong together")
    if options.party != engine.CLIENT and options.weights is None:
        parser.error("--weights is missing: the server's checkpoint directory")
    if options.party != engine.SERVER and not has_tokens:
        parser.error("--text or --tokens is missing: what the client asks")
    if options.party == engine.SERVER and has_tokens:
        parser.error("the server (--party 0) does not see --text or --tokens")
    if options.party == engine.CLIENT and options.weights is not None:
        parser.error(
            "the client (--party 1) does not see --weights; the tokenizer of --text "
            "is --tokenizer"
        )
    if options.figure and options.figure.suffix not in (".png", ".svg", ".pdf"):
        parser.error("--figure has to end with .png, .svg or .pdf")


def read_tokens(options, program):
    """The client's tokens, checked, and the tokenizer if there is one."""
    directory = options.tokenizer or options.weights
    tokenizer = None
    tokens = options.tokens
    if options.text is not None:
        from pi_mlir.generate import encode_text, load_tokenizer, read_text

        if directory is None:
            raise UserError("--text needs --tokenizer DIR")
        tokenizer = load_tokenizer(directory)
        tokens = encode_text(tokenizer, read_text(options.text))
    length = program.tokens_input()["shape"][1]
    if len(tokens) > length:
        raise UserError(
            f"{len(tokens)} tokens are too many: the model has {length} positions"
        )
    vocabulary = program.results[0]["shape"][-1]
    if max(tokens) >= vocabulary:
        raise UserError(
            f"token {max(tokens)} is out of range: the model has {vocabulary} tokens"
        )
    return tokens, tokenizer


def client_values(program, tokens):
    """The client's arguments. Tokens are padded: a causal model does not see what
    is behind them."""
    import numpy as np

    tokens_input = program.tokens_input()
    padded = np.zeros(tokens_input["shape"], np.int32)
    padded[0, : len(tokens)] = tokens
    values = {tokens_input["value"]: padded}
    if position := program.position_input():
        values[position["value"]] = np.int32(len(tokens) - 1)
    return values


def asked_rows(program, tokens, logits):
    """The rows of logits that the prompt asks for: the last is the next token's."""
    return logits[0] if program.position_input() else logits[0, : len(tokens)]


# ===-- One party -------------------------------------------------------------#


def check_listen(address):
    """Raises if this party cannot listen where its peer looks for it."""
    host, _, port = address.rpartition(":")
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, int(port)))
    except OSError as error:
        raise UserError(
            f"cannot listen on {address}: {error.strerror}; give another port in "
            "--peers, to both parties"
        ) from error


def explain(error, log):
    """An engine's exception as one line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else log.last_lines(1)
    return UserError(f"the engine failed, or the other party ended: {text}")


def is_owned(argument, inputs):
    """Whether an argument stays with its owner, as --inputs or the module says."""
    return argument["known"] if inputs is None else inputs == "owned"


def name_inputs(program, inputs):
    """--inputs, or what the module says, in one word."""
    owned = {is_owned(argument, inputs) for argument in program.arguments}
    return {(True,): "owned", (False,): "shared"}.get(tuple(owned), "mixed")


def execute(party, program, secrets, options):
    """Runs all steps; gives the seconds of each, and the result at the client."""
    party.check_same(f"{program.digest()} {options.inputs} {options.protocol}")
    import numpy as np

    from pi_mlir.private.program import TYPES

    for name, owner in engine.SESSION_INPUTS.items():
        shape = engine.SESSION_SHAPE
        zero = np.zeros(shape, np.float32) if party.rank == owner else None
        party.share(name, shape, np.float32, owner, owned=False, array=zero)
    public = set()
    for argument in program.arguments:
        if argument["kind"] == "position":
            party.publish(argument["value"], secrets.get(argument["value"]))
            public.add(argument["value"])
            continue
        is_weight = argument["kind"] == "parameter"
        party.share(
            argument["value"],
            argument["shape"],
            TYPES[argument["type"]],
            engine.SERVER if is_weight else engine.CLIENT,
            owned=is_owned(argument, options.inputs),
            array=secrets.get(argument["value"]),
        )
    # Compiled before the first one runs, so that nothing but steps takes the time
    # between their first message and their last.
    executables = [
        party.compile(engine.SESSION, list(engine.SESSION_INPUTS), "session.z")
    ]
    for step in program.steps:
        text = program.function_module(step["function"])
        executables.append(party.compile(text, step["operands"], step["value"], public))
    seconds = [party.run(executables[0])]
    readers = count_readers(program)
    for step, executable in zip(program.steps, executables[1:]):
        seconds.append(party.run(executable))
        for operand in set(step["operands"]):
            readers[operand] -= 1
            if readers[operand] == 0:
                party.runtime.del_var(operand)
    result = party.reveal_to_client(program.results[0]["value"])
    party.close()
    return seconds, result


def count_readers(program):
    """How many steps, or the result, read each value."""
    readers = {}
    for step in program.steps:
        for operand in set(step["operands"]):
            readers[operand] = readers.get(operand, 0) + 1
    for result in program.results:
        readers[result["value"]] = readers.get(result["value"], 0) + 1
    return readers


def measure(program, runs, seconds):
    """One measurement for the session and for each step."""
    if len(runs) != len(seconds):
        raise UserError(
            f"the engine reported on {len(runs)} of {len(seconds)} programs: its log "
            "has another form than that of spu 0.9.5"
        )
    steps = [{"location": "session", "op": "setup"}, *program.steps]
    return [
        {
            "location": step["location"],
            "op": step["op"],
            # The link counts at both ends; what one receives, the other sent.
            "measured": profile["sent"] + profile["received"],
            "sent": profile["sent"],
            "messages": profile["messages"],
            "seconds": duration,
            "primitives": profile["primitives"],
        }
        for step, profile, duration in zip(steps, runs, seconds)
    ]


def run_party(options):
    """Runs this party to its end; gives measurements and logits, if any."""
    log = engine.EngineLog()
    sys.stderr, sys.stdout = log.stderr, log.stdout
    Watchdog(log.stderr, options.timeout, options.memory_limit, options.parent)
    program = Program.load(options.model)
    program.tokens_input()  # Refuses other signatures before secrets are read.
    if options.party == engine.SERVER:
        secrets = program.parameter_values(read_checkpoint(options.weights, "numpy"))
        tokens = tokenizer = None
    else:
        tokens, tokenizer = read_tokens(options, program)
        secrets = client_values(program, tokens)
    check_listen(options.peers[options.party])
    try:
        with ended_by_signals():  # The engine waits in native code.
            connect = engine.connect_tcp(options.party, options.peers, options.timeout)
            party = engine.Party(options.party, options.protocol, connect)
            seconds, logits = execute(party, program, secrets, options)
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise explain(error, log) from error
    steps = measure(program, engine.read_profile(log.read()), seconds)
    return program, steps, logits, tokens, tokenizer


# ===-- The report ------------------------------------------------------------#


def estimate_costs(options, settings=""):
    """The operations of pi-estimate-cost for a run with these options; `settings`
    are more of its own."""
    inputs = ""
    if options.inputs is not None:
        secrets = "known" if options.inputs == "owned" else "shared"
        inputs = f"weights={secrets} tokens={secrets} "
    with tempfile.TemporaryDirectory(prefix="pi-private-") as directory:
        output = Path(directory, "cost.json")
        passes = (
            f"--pi-estimate-cost=protocol={COST_PROFILE} "
            f"{inputs}format=json output={output} {settings}"
        )
        run_tool("pi-opt", options.model, passes, "-o", os.devnull)
        return json.loads(output.read_text())["operations"]


def compare_with_clear(program, options, tokens, logits):
    """Differences of the logits at the prompt's positions from a clear run."""
    import numpy as np

    from pi_mlir.private.program import evaluate

    values = program.parameter_values(read_checkpoint(options.weights, "numpy"))
    values |= client_values(program, tokens)
    arguments = [values[argument["value"]] for argument in program.arguments]
    clear = asked_rows(program, tokens, evaluate(program.text, arguments)[0])
    private = asked_rows(program, tokens, np.asarray(logits))
    return {
        "largest_difference": float(np.abs(clear - private).max()),
        "largest_logit": float(np.abs(clear).max()),
        "same_tokens": int((clear.argmax(-1) == private.argmax(-1)).sum()),
        "positions": len(clear),
    }


def print_tokens(program, tokens, logits, tokenizer):
    """Prints and gives the most likely next token."""
    token = int(asked_rows(program, tokens, logits)[-1].argmax())
    text = ""
    if tokenizer:
        text = f" {tokenizer.decode([token], skip_special_tokens=False)!r}"
    print(f"next token: {token}{text}")
    return token


def finish(options, program, steps, result):
    """Prints and writes the report."""
    inputs = name_inputs(program, options.inputs)
    rows = report.join_costs(steps, estimate_costs(options))
    print(report.format_report(rows))
    result = {
        "model": str(options.model),
        "engine": COST_PROFILE,
        "protocol": options.protocol,
        "inputs": inputs,
        **result,
        "operations": rows,
        "kinds": report.by_kind(rows),
        "total": report.add_rows(rows),
    }
    try:
        if options.json:
            report.write_json(options.json, result)
        if options.figure:
            title = f"{options.model.name}, {options.protocol}, inputs {inputs}"
            report.write_figure(options.figure, rows, title)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from error


def main_party(options):
    program, steps, logits, tokens, tokenizer = run_party(options)
    if options.record:
        record = {"steps": steps}
        if logits is not None:
            record["logits"] = logits.tolist()
        report.write_json(options.record, record)
        return 0
    result = {"party": options.party}
    if logits is not None:
        result["next_token"] = print_tokens(program, tokens, logits, tokenizer)
    finish(options, program, steps, result)
    return 0


def main_local(options):
    engine.import_engine()
    import numpy as np

    program = Program.load(options.model)
    tokens, tokenizer = read_tokens(options, program)
    with tempfile.TemporaryDirectory(prefix="pi-private-") as directory:
        server, client = local.run_local(options, tokens, Path(directory))
    steps = [
        {**ours, "seconds": max(ours["seconds"], theirs["seconds"])}
        for ours, theirs in zip(server["steps"], client["steps"])
    ]
    logits = np.asarray(client["logits"])
    token = print_tokens(program, tokens, logits, tokenizer)
    difference = compare_with_clear(program, options, tokens, logits)
    print(
        "logits: largest difference to a run in the clear "
        f"{difference['largest_difference']:.3g} (logits up to "
        f"{difference['largest_logit']:.3g}); the most likely token is the same at "
        f"{difference['same_tokens']} of {difference['positions']} positions\n"
    )
    finish(options, program, steps, {"next_token": token, **difference})
    return 0


def main(arguments=None):
    options = parse_arguments(arguments)
    return main_local(options) if options.party is None else main_party(options)


if __name__ == "__main__":
    run(main)
