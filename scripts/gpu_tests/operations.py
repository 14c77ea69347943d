# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Single operations with formulas: what compiled code has to give for them.

Each is a function of the execution form in f32, and in the mixed formats of
training: activations and their gradients bf16, all else f32. `write` gives the
MLIR and `check` compares an artefact's outputs with the formula in float64.
"""

import math
import zlib
from contextlib import suppress
from string import Template
from typing import Callable, NamedTuple, Optional

# The packager, which only reads the tables, runs where there is no NumPy.
with suppress(ModuleNotFoundError):
    import numpy as np

#: Largest error of a formula's result, as a part of its greatest magnitude. In
#: bf16 an operand or result is off by up to 2^-9 of itself.
TOLERANCE = {"f32": 2e-5, "bf16": 1e-2}
#: Columns of a tensor when it is rounded or extended: none of the operations
#: has rows of that length, so the rounded numbers are in memory between them.
ROUNDING_COLUMNS = 16


class Tensor(NamedTuple):
    """An input or output; `narrow` ones are bf16 in the mixed formats."""

    shape: tuple
    narrow: bool = True
    #: (generator, shape) -> values, standard normal unless given.
    values: Optional[Callable] = None
    dtype: str = "f32"


class Operation(NamedTuple):
    """`text` computes %outputs from %inputs; `$a` is the narrow type in it.

    `formula` takes the inputs as float64 arrays, and gives the outputs.
    """

    name: str
    inputs: dict
    outputs: dict
    text: str
    formula: Callable

    def is_mixed(self):
        """Whether the mixed formats differ from f32."""
        tensors = [*self.inputs.values(), *self.outputs.values()]
        return any(tensor.narrow for tensor in tensors)


# ===----------------------------------------------------------------------=== #
# MLIR and comparison
# ===----------------------------------------------------------------------=== #


#: What a model has to have beside the operation. It reads no parameter.
FORWARD = """\
func.func @forward(%ids: tensor<1x1xi32> {pi.name = "input_ids"})
    -> (tensor<1x1x8xf32> {pi.name = "logits"}) {
  %table = arith.constant dense<1.0> : tensor<8x8xf32>
  %y = pi.embedding %ids, %table : (tensor<1x1xi32>, tensor<8x8xf32>) -> tensor<1x1x8xf32>
  return %y : tensor<1x1x8xf32>
}
"""
#: Options of pi-compile for such a module, whose number formats are written out.
COMPILE_OPTIONS = ["--precision=f32", "--entry-points=forward"]


def type_of(shape, element):
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


def reshape(target, source, old, new, element):
    """`source` of shape `old` as `target` of shape `new`, by way of a vector."""

    def groups(shape):
        return f"[[{', '.join(map(str, range(len(shape))))}]]"

    flat = (math.prod(old),)
    yield (
        f"{target}.flat = tensor.collapse_shape {source} {groups(old)}"
        f" : {type_of(old, element)} into {type_of(flat, element)}"
    )
    yield (
        f"{target} = tensor.expand_shape {target}.flat {groups(new)} output_shape"
        f" {list(new)} : {type_of(flat, element)} into {type_of(new, element)}"
    )


def convert(target, source, shape, operation, from_element, to_element):
    """Rounds or extends in rows of ROUNDING_COLUMNS."""
    rows = (math.prod(shape) // ROUNDING_COLUMNS, ROUNDING_COLUMNS)
    yield from reshape(f"{target}.rows", source, shape, rows, from_element)
    yield (
        f"{target}.to = {operation} {target}.rows"
        f" : {type_of(rows, from_element)} to {type_of(rows, to_element)}"
    )
    yield from reshape(target, f"{target}.to", rows, shape, to_element)


def write(operation, precision):
    """The module of an operation."""
    arguments, results, lines, returned = [], [], [], []
    for name, tensor in operation.inputs.items():
        value = f"%{name}"
        if tensor.narrow and precision == "bf16":
            value = f"%{name}.wide"
            lines += convert(
                f"%{name}", value, tensor.shape, "arith.truncf", "f32", "bf16"
            )
        kind = type_of(tensor.shape, tensor.dtype)
        arguments.append(f'{value}: {kind} {{pi.name = "{name}"}}')
    text = Template(operation.text).substitute(a=precision)
    lines += map(str.strip, text.strip().splitlines())
    for name, tensor in operation.outputs.items():
        value, kind = f"%{name}", type_of(tensor.shape, "f32")
        if tensor.narrow and precision == "bf16":
            value = f"%{name}.out"
            lines += convert(
                value, f"%{name}", tensor.shape, "arith.extf", "bf16", "f32"
            )
        returned.append((value, kind))
        results.append(f'{kind} {{pi.name = "{name}"}}')
    body = "\n".join(f"  {line}" for line in lines)
    values = ", ".join(value for value, _ in returned)
    kinds = ", ".join(kind for _, kind in returned)
    return (
        f"{FORWARD}func.func @{operation.name}({', '.join(arguments)})\n"
        f"    -> ({', '.join(results)}) attributes {{pi.training}} {{\n"
        f"{body}\n  return {values} : {kinds}\n}}\n"
    )


def round_to_bf16(array):
    """float32 rounded to the nearest bf16, ties to even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    bits = bits + 0x7FFF + ((bits >> 16) & 1)
    return (bits & 0xFFFF0000).view(np.float32)


def make_inputs(operation, precision):
    generator = np.random.default_rng(zlib.crc32(operation.name.encode()))
    inputs = {}
    for name, tensor in operation.inputs.items():
        if tensor.values:
            values = np.asarray(tensor.values(generator, tensor.shape))
        else:
            values = generator.standard_normal(tensor.shape)
        if tensor.dtype == "i32":
            inputs[name] = values.astype(np.int32)
            continue
        values = values.astype(np.float32)
        if tensor.narrow and precision == "bf16":
            values = round_to_bf16(values)
        inputs[name] = values.reshape(tensor.shape)
    return inputs


def check(operation, precision, model):
    """Runs twice; the errors of the outputs, as parts of the tolerance.

    Raises AssertionError if an output is off, or differs between the runs.
    """
    inputs = make_inputs(operation, precision)
    got = model.run(operation.name, inputs)
    again = model.run(operation.name, inputs)
    wide = {
        name: value if value.dtype.kind in "iu" else value.astype(np.float64)
        for name, value in inputs.items()
    }
    expected = operation.formula(**wide)
    errors = {}
    for name, value in zip(operation.outputs, expected, strict=True):
        assert got[name].tobytes() == again[name].tobytes(), f"{name}: two runs differ"
        value = np.broadcast_to(value, operation.outputs[name].shape)
        magnitude = np.abs(value).max() or 1.0
        error = np.abs(got[name] - value).max() / magnitude
        errors[name] = float(error / TOLERANCE[precision])
        assert errors[name] <= 1, (
            f"{name}: off by {error:.3g} of the greatest magnitude; "
            f"allowed is {TOLERANCE[precision]}"
        )
    return errors


# ===----------------------------------------------------------------------=== #
# Formulas
# ===----------------------------------------------------------------------=== #


def gelu_slope(x, approximate):
    if approximate == "tanh":
        scale = math.sqrt(2 / math.pi)
        inner = np.tanh(scale * (x + 0.044715 * x**3))
        slope = scale * (1 + 3 * 0.044715 * x**2) * (1 - inner**2)
    else:
        inner = np.vectorize(math.erf)(x / math.sqrt(2))
        slope = math.sqrt(2 / math.pi) * np.exp(-0.5 * x**2)
    return 0.5 * (1 + inner + x * slope)


def layer_norm_grad(dy, x, w, epsilon=1e-5):
    z = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((z**2).mean(-1, keepdims=True) + epsilon)
    z, g = z * scale, dy * w
    means = g.mean(-1, keepdims=True), (g * z).mean(-1, keepdims=True)
    rows = tuple(range(x.ndim - 1))
    return scale * (g - means[0] - z * means[1]), (dy * z).sum(rows), dy.sum(rows)


def embedding_grad(ids, dy, vocabulary):
    table = np.zeros((vocabulary, dy.shape[-1]))
    np.add.at(table, ids.reshape(-1), dy.reshape(-1, dy.shape[-1]))
    return table


def deviations(e, theta, reading, gamma):
    limit = math.log(e.shape[2])
    if reading == "per_head":
        e = e.mean((0, 2), keepdims=True)
    delta = e - theta[None, :, None] * limit
    return np.where(np.abs(delta) > gamma * limit, delta, 0)


def entropy_penalty(e, theta, reading, gamma, weight):
    squares = deviations(e, theta, reading, gamma) ** 2
    return (weight * squares.sum() / e.shape[1],)


def entropy_penalty_grad(g, e, theta, reading, gamma, weight):
    batch, heads, length = e.shape
    a = deviations(e, theta, reading, gamma)
    c = 2 * weight / heads * g
    d_theta = -c * math.log(length) * a.sum((0, 2))
    return c * (a / (batch * length) if reading == "per_head" else a), d_theta


# ===----------------------------------------------------------------------=== #
# Operations
# ===----------------------------------------------------------------------=== #


def wide(*shape):
    return Tensor(shape, narrow=False)


def tensor(*shape):
    return Tensor(shape)


def uniform(low, high):
    return lambda generator, shape: generator.uniform(low, high, shape)


def elementwise():
    for name, shape, sizes in (
        ("same", (6, 40, 64), "6x40x64x"),
        ("rows", (40, 64), "40x64x"),
        ("vector", (64,), "64x"),
        ("scalar", (), ""),
    ):
        rhs = Tensor(shape, narrow=bool(shape), values=uniform(0.5, 2.0))
        right = f"tensor<{sizes}$a>" if shape else "tensor<f32>"
        types = f"(tensor<6x40x64x$a>, {right}) -> tensor<6x40x64x$a>"
        yield Operation(
            f"mul_div_{name}",
            {"x": tensor(6, 40, 64), "y": rhs},
            {"a": tensor(6, 40, 64), "b": tensor(6, 40, 64)},
            f"%a = pi.mul %x, %y : {types}\n%b = pi.div %x, %y : {types}",
            lambda x, y: (x * y, x / y),
        )
    for form in ("tanh", "none"):
        yield Operation(
            f"gelu_grad_{form}",
            {"dy": tensor(7, 3072), "x": tensor(7, 3072)},
            {"dx": tensor(7, 3072)},
            f"%dx = pi.gelu_grad %dy, %x approximate {form} : tensor<7x3072x$a>",
            lambda dy, x, form=form: (dy * gelu_slope(x, form),),
        )
    yield Operation(
        "relu_grad",
        {"dy": tensor(32, 33), "x": tensor(32, 33)},
        {"dx": tensor(32, 33)},
        "%dx = pi.relu_grad %dy, %x : tensor<32x33x$a>",
        lambda dy, x: (np.where(x > 0, dy, 0),),
    )
    yield Operation(
        "scalars",
        {"x": wide(), "y": Tensor((), False, uniform(0.5, 2.0))},
        {"z": wide(), "c": wide(3, 8)},
        """
        %k = arith.constant dense<-3.0> : tensor<f32>
        %c = arith.constant dense<0.25> : tensor<3x8xf32>
        %0 = pi.mul %x, %k : (tensor<f32>, tensor<f32>) -> tensor<f32>
        %1 = pi.div %0, %y : (tensor<f32>, tensor<f32>) -> tensor<f32>
        %z = pi.add %1, %k : (tensor<f32>, tensor<f32>) -> tensor<f32>
        """,
        lambda x, y: (-3 * x / y - 3, 0.25),
    )
    yield Operation(
        "place_rows",
        {"x": tensor(3, 10, 64), "at": Tensor((), False, lambda *_: 5, "i32")},
        {"y": tensor(3, 16, 64), "z": tensor(3, 16, 64)},
        """
        %y = pi.place_rows %x : (tensor<3x10x64x$a>) -> tensor<3x16x64x$a>
        %z = pi.place_rows %x at %at : (tensor<3x10x64x$a>, tensor<i32>) -> tensor<3x16x64x$a>
        """,
        lambda x, at: (
            np.pad(x, ((0, 0), (0, 6), (0, 0))),
            np.pad(x, ((0, 0), (5, 1), (0, 0))),
        ),
    )


def sums():
    for shape in ((5, 16, 33), (6, 48, 768), (8, 512, 64), (1, 240, 2304)):
        sizes = "x".join(map(str, shape))
        rows, columns = shape[1:]
        yield Operation(
            f"reduce_{sizes}",
            {"x": tensor(*shape)},
            {"a": wide(columns), "b": wide(rows, columns), "c": wide()},
            f"""
            %a = pi.reduce_leading %x : (tensor<{sizes}x$a>) -> tensor<{columns}xf32>
            %b = pi.reduce_leading %x : (tensor<{sizes}x$a>) -> tensor<{rows}x{columns}xf32>
            %c = pi.reduce_leading %x : (tensor<{sizes}x$a>) -> tensor<f32>
            """,
            lambda x: (x.sum((0, 1)), x.sum(0), x.sum()),
        )
    # As the gradient of pi.scaled_residual has it: one pass over dy, x and u.
    t = "tensor<4x600x768x$a>"
    yield Operation(
        "scaled_residual_grad",
        {
            "dy": tensor(4, 600, 768),
            "x": tensor(4, 600, 768),
            "u": tensor(4, 600, 768),
            "alpha": Tensor((), False, uniform(0.5, 2.0)),
            "beta": wide(),
        },
        {
            "du": tensor(4, 600, 768),
            "dx": tensor(4, 600, 768),
            "dbias": wide(768),
            "dalpha": wide(),
            "dbeta": wide(),
        },
        f"""
        %k = arith.constant dense<-1.0> : tensor<f32>
        %du = pi.div %dy, %alpha : ({t}, tensor<f32>) -> {t}
        %dx = pi.mul %dy, %beta : ({t}, tensor<f32>) -> {t}
        %0 = pi.mul %du, %u : ({t}, {t}) -> {t}
        %1 = pi.reduce_leading %0 : ({t}) -> tensor<f32>
        %2 = pi.mul %1, %k : (tensor<f32>, tensor<f32>) -> tensor<f32>
        %dalpha = pi.div %2, %alpha : (tensor<f32>, tensor<f32>) -> tensor<f32>
        %3 = pi.mul %dy, %x : ({t}, {t}) -> {t}
        %dbeta = pi.reduce_leading %3 : ({t}) -> tensor<f32>
        %dbias = pi.reduce_leading %du : ({t}) -> tensor<768xf32>
        """,
        lambda dy, x, u, alpha, beta: (
            dy / alpha,
            dy * beta,
            (dy / alpha).sum((0, 1)),
            -(dy * u).sum() / alpha**2,
            (dy * x).sum(),
        ),
    )
    for shape in ((9, 33), (301, 64), (2, 300, 768), (40, 1600), (6, 6144)):
        sizes, columns = "x".join(map(str, shape)), shape[-1]
        x, w = f"tensor<{sizes}x$a>", f"tensor<{columns}xf32>"
        if math.prod(shape) % ROUNDING_COLUMNS:
            shape = (16, *shape)
            x = f"tensor<16x{sizes}x$a>"
        yield Operation(
            f"layer_norm_grad_{sizes}",
            {
                "dy": tensor(*shape),
                "x": tensor(*shape),
                "r": tensor(*shape),
                "w": wide(columns),
            },
            {"y": tensor(*shape), **{k: wide(columns) for k in ("dw", "db", "dc")}},
            f"""
            %dx, %dw, %db = pi.layer_norm_grad %dy, %x, %w epsilon 1.0e-5 : ({x}, {x}, {w}) -> ({x}, {w}, {w})
            %y = pi.add %r, %dx : ({x}, {x}) -> {x}
            %dc = pi.reduce_leading %y : ({x}) -> {w}
            """,
            sum_of_layer_norm_grad,
        )


def sum_of_layer_norm_grad(dy, x, r, w):
    dx, dw, db = layer_norm_grad(dy, x, w)
    return r + dx, dw, db, (r + dx).sum(tuple(range(x.ndim - 1)))


def look_ups():
    def skewed(generator, shape):
        ids = generator.integers(0, 5000, shape)
        ids[generator.random(shape) < 0.2] = 220
        ids[generator.random(shape) < 0.1] = 262
        return ids

    def low(generator, shape):
        return generator.integers(0, 3, shape)

    for name, batch, length, vocabulary, width, values in (
        ("skewed", 8, 1024, 50257, 768, skewed),
        ("few", 5, 77, 1003, 144, low),
        ("odd", 3, 16, 40, 33, low),
    ):
        yield Operation(
            f"embedding_grad_{name}",
            {
                "ids": Tensor((batch, length), False, values, "i32"),
                "dy": tensor(batch, length, width),
            },
            {"table": wide(vocabulary, width)},
            f"%table = pi.embedding_grad %ids, %dy : (tensor<{batch}x{length}xi32>,"
            f" tensor<{batch}x{length}x{width}x$a>) -> tensor<{vocabulary}x{width}xf32>",
            lambda ids, dy, v=vocabulary: (embedding_grad(ids, dy, v),),
        )


def penalties():
    for reading in ("per_row", "per_head"):
        for batch, heads, length in ((2, 4, 16), (3, 12, 1000)):
            e = Tensor((batch, heads, length), False, uniform(0, math.log(length)))
            theta = Tensor((heads,), False, uniform(0, 1))
            name = f"{reading}_{batch}x{heads}x{length}"
            given = f"reading {reading} gamma 0.02 lambda 1.0e-3"
            kinds = f"tensor<{batch}x{heads}x{length}xf32>", f"tensor<{heads}xf32>"
            yield Operation(
                f"entropy_penalty_{name}",
                {"e": e, "theta": theta},
                {"p": wide()},
                f"%p = pi.entropy_penalty %e, %theta {given} : ({', '.join(kinds)}) -> tensor<f32>",
                lambda e, theta, r=reading: entropy_penalty(e, theta, r, 0.02, 1e-3),
            )
            yield Operation(
                f"entropy_penalty_grad_{name}",
                {"g": wide(), "e": e, "theta": theta},
                {"de": wide(batch, heads, length), "dtheta": wide(heads)},
                f"%de, %dtheta = pi.entropy_penalty_grad %g, %e, %theta {given}"
                f" : (tensor<f32>, {', '.join(kinds)}) -> ({', '.join(kinds)})",
                lambda g, e, theta, r=reading: entropy_penalty_grad(
                    g, e, theta, r, 0.02, 1e-3
                ),
            )


OPERATIONS = [*elementwise(), *sums(), *look_ups(), *penalties()]


def list_cases():
    """Every operation with the number formats that it is tested in."""
    for operation in OPERATIONS:
        yield operation, "f32"
        if operation.is_mixed():
            yield operation, "bf16"
