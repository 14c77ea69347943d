# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs @main of a module on shares, both parties as threads, and in the clear;
prints the largest difference of each result, and the results in the clear, as
JSON."""

import json
import sys
import threading

import numpy as np

from pi_mlir.private import engine
from pi_mlir.private.program import TYPES, Program, evaluate


def make_arguments(program):
    rng = np.random.default_rng(0)
    arrays = {}
    for argument in program.arguments:
        dtype, shape = TYPES[argument["type"]], argument["shape"]
        if argument["name"] == "position":
            array = np.asarray(3)
        elif argument["type"] == "i32":
            array = rng.integers(0, 24, shape)
        else:
            array = rng.standard_normal(shape)
        if argument["name"] in ("alpha", "t"):
            array = np.abs(array) + 0.5
        arrays[argument["value"]] = np.asarray(array, dtype)
    return arrays


def run_on_shares(program, arrays, log):
    _, libspu = engine.import_engine()
    description = libspu.link.Desc()
    for name in ("a", "b"):
        description.add_party(name, name)
    public = {a["value"] for a in program.arguments if a["kind"] == "position"}
    results, errors = {}, []

    def run_party(rank):
        try:
            connect = lambda libspu: libspu.link.create_mem(description, rank)
            party = engine.Party(rank, "cheetah", connect)
            for name, array in arrays.items():
                if name in public:
                    party.publish(name, int(array))
                    continue
                mine = array if rank == engine.SERVER else None
                party.share(
                    name,
                    array.shape,
                    array.dtype,
                    engine.SERVER,
                    owned=False,
                    array=mine,
                )
            for step in program.steps:
                text = program.function_module(step["function"])
                names = step["operands"]
                party.run(party.compile(text, names, step["value"], public))
            for result in program.results:
                value = party.reveal_to_client(result["value"])
                if value is not None:
                    results[result["value"]] = value
        except BaseException as error:
            errors.append(error)
            print(error, file=log.stderr)

    threads = [threading.Thread(target=run_party, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        sys.exit(1)
    return results


def main():
    log = engine.EngineLog()
    program = Program.load(sys.argv[1])
    arrays = make_arguments(program)
    clear = evaluate(program.text, [arrays[a["value"]] for a in program.arguments])
    private = run_on_shares(program, arrays, log)
    differences = {
        result["value"]: float(np.abs(private[result["value"]] - expected).max())
        for result, expected in zip(program.results, clear)
    }
    names = (result["value"] for result in program.results)
    values = dict(zip(names, (array.tolist() for array in clear)))
    print(json.dumps({"differences": differences, "clear": values}), file=log.stdout)


if __name__ == "__main__":
    main()
