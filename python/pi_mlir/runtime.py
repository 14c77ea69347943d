# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's C interface (include/pi/Runtime/pi_runtime.h) with numpy arrays.

    with Model("private.pi", "checkpoint") as model:
        logits = model.forward([[818, 11377, 7]])        # rows x length x V
        for (token,) in model.generate([[818, 11377, 7]], 64):
            print(token)

B is the batch size, T the sequence length and V the vocabulary size that the
model was compiled for.
"""

import ctypes
import json
import os
from ctypes import POINTER, c_char_p, c_float, c_int32, c_int64, c_uint64, c_void_p
from pathlib import Path

import numpy as np

from pi_mlir.command_line import MAXIMAL_INT, MAXIMAL_SEED

#: Environment variable that names the library.
LIBRARY_VARIABLE = "PI_RUNTIME_LIBRARY"
LIBRARY_NAME = "libpi_runtime.so"


class RuntimeLibraryError(Exception):
    """A call of the runtime failed; the message says what was wrong and where."""


class Sampling(ctypes.Structure):
    """`pi_sampling`."""

    _fields_ = [
        ("temperature", c_float),
        ("top_k", c_int32),
        ("top_p", c_float),
        ("seed", c_uint64),
    ]


#: Argument types of the functions that return a status.
PROTOTYPES = {
    "pi_model_open": [c_char_p, c_int32, POINTER(c_void_p)],
    "pi_model_load_weights": [c_void_p, c_char_p],
    "pi_model_initialize_weights": [c_void_p, c_uint64],
    "pi_model_read_tensor": [c_void_p, c_char_p, c_void_p, c_uint64],
    "pi_model_tune": [c_void_p],
    "pi_model_info": [c_void_p, POINTER(c_char_p)],
    "pi_model_run": [c_void_p, c_char_p, POINTER(c_void_p), POINTER(c_void_p)],
    "pi_model_forward": [
        c_void_p,
        POINTER(c_int32),
        c_int64,
        c_int64,
        POINTER(c_float),
    ],
    "pi_generate_start": [
        c_void_p,
        POINTER(c_int32),
        c_int64,
        c_int64,
        POINTER(Sampling),
    ],
    "pi_generate_next": [c_void_p, POINTER(c_int32)],
}


#: numpy's types of the manifest's element types.
DTYPES = {
    "f32": np.float32,
    "f16": np.float16,
    "f64": np.float64,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "u8": np.uint8,
    "u16": np.uint16,
    "u32": np.uint32,
    "u64": np.uint64,
    "bool": np.bool_,
}


def find_library():
    """The library of $PI_RUNTIME_LIBRARY, or of the build beside this package."""
    if path := os.environ.get(LIBRARY_VARIABLE):
        return path
    built = Path(__file__).parents[2] / "build" / "lib" / LIBRARY_NAME
    return str(built) if built.is_file() else LIBRARY_NAME


class Library:
    """The loaded library; `call` turns a status into an exception."""

    _loaded = None

    def __init__(self, path):
        try:
            self.functions = ctypes.CDLL(path)
        except OSError as error:
            raise RuntimeLibraryError(
                f"cannot load the runtime: {error}; build the project, or set "
                f"{LIBRARY_VARIABLE} to {LIBRARY_NAME}"
            ) from error
        for name, types in PROTOTYPES.items():
            function = getattr(self.functions, name)
            function.argtypes, function.restype = types, c_int32
        self.functions.pi_last_error.restype = c_char_p
        self.functions.pi_model_free.argtypes = [c_void_p]
        self.functions.pi_model_free.restype = None

    @classmethod
    def get(cls):
        """The library of this process, loaded when it is first needed."""
        if cls._loaded is None:
            cls._loaded = cls(find_library())
        return cls._loaded

    def call(self, name, *arguments):
        if getattr(self.functions, name)(*arguments):
            raise RuntimeLibraryError(
                self.functions.pi_last_error().decode(errors="replace")
            )


def check_range(name, value, low, high):
    """Numbers that C would take without its upper bits are refused."""
    if not low <= value <= high:
        raise ValueError(f"{name} has to be in [{low}, {high}], but is {value}")


def as_tokens(tokens):
    """`tokens` as a dense matrix of int32, rows x length."""
    array = np.asarray(tokens)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise ValueError(
            "tokens have to be integers, rows x length, but are "
            f"{array.dtype} with shape {array.shape}"
        )
    bounds = np.iinfo(np.int32)
    if array.size and not bounds.min <= array.min() <= array.max() <= bounds.max:
        raise ValueError("tokens have to fit in 32 bits")
    return np.ascontiguousarray(array, dtype=np.int32)


def tensor_dtype(tensor):
    """numpy's type of a tensor that pi_model_info describes."""
    if tensor["dtype"] not in DTYPES:
        raise ValueError(
            f"'{tensor['name']}' is {tensor['dtype']}, which numpy does not have"
        )
    return np.dtype(DTYPES[tensor["dtype"]])


def as_input(tensor, value):
    """`value` as the dense array that an input takes.

    Shapes have to agree. Integers may have another width if they fit, floats
    another precision; a float is no integer.
    """
    array, dtype = np.asarray(value), tensor_dtype(tensor)
    text = f"input '{tensor['name']}'"
    if list(array.shape) != tensor["shape"]:
        raise ValueError(
            f"{text} has shape {array.shape}; expected {tuple(tensor['shape'])}"
        )
    if dtype.kind in "iu" and array.dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        if array.size and not bounds.min <= array.min() <= array.max() <= bounds.max:
            raise ValueError(f"{text} has values that do not fit in {dtype}")
    elif not np.can_cast(array.dtype, dtype, casting="same_kind"):
        raise ValueError(f"{text} is {array.dtype}; expected {dtype}")
    return np.require(array, dtype, requirements="C")


def pointers(arrays):
    """The addresses of arrays, as the C interface takes them."""
    return (c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def pointer(array, element):
    return array.ctypes.data_as(POINTER(element))


class Model:
    """A compiled model with its weights, on its device.

    `weights` is a checkpoint directory or a Safetensors file; without it, and
    before `initialize_weights`, only entry points that have no parameters run.
    Methods raise RuntimeLibraryError.
    Not for use by two threads at once.
    """

    def __init__(self, artifact, weights=None, device=0):
        self._handle = None
        check_range("device", device, 0, MAXIMAL_INT)
        self._library = Library.get()
        handle = c_void_p()
        self._call("pi_model_open", os.fsencode(artifact), device, ctypes.byref(handle))
        self._handle = handle
        try:
            if weights is not None:
                self._call("pi_model_load_weights", handle, os.fsencode(weights))
            #: What pi_model_info says, as a dictionary.
            self.info = self._read_info()
        except RuntimeLibraryError:
            self.close()
            raise
        sizes = self.info["model"]
        self.name = sizes["name"]
        self.batch = sizes["batch"]
        self.sequence_length = sizes["sequence_length"]
        self.vocab_size = sizes["vocab_size"]

    def _call(self, name, *arguments):
        self._library.call(name, *arguments)

    def _read_info(self):
        text = c_char_p()
        self._call("pi_model_info", self._handle, ctypes.byref(text))
        return json.loads(text.value)

    def close(self):
        """Frees the model; it cannot be used afterwards."""
        if self._handle is not None:
            self._library.functions.pi_model_free(self._handle)
            self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __del__(self):
        self.close()

    def initialize_weights(self, seed=0):
        """Gives every parameter a value to train from, by its own rule.

        A function of the seed and the parameter's name. States stay.
        """
        check_range("seed", seed, 0, MAXIMAL_SEED)
        self._call("pi_model_initialize_weights", self._handle, seed)

    def tune(self):
        """Chooses by timing what the device leaves open; needs weights.

        The choice is stored beside the artefact, in a file of its name with
        ".tuned" added, and read from it when the model is opened again.
        """
        self._call("pi_model_tune", self._handle)

    def memory_bytes(self):
        """What the device holds for the model now, in bytes."""
        return self._read_info()["memory_bytes"]

    def read_tensor(self, name):
        """A copy of a parameter, as it is stored, or else of a state.

        `info["tensors"]` lists them. Raises ValueError for another name.
        """
        for tensor in self.info["tensors"]:
            if tensor["name"] == name:
                break
        else:
            raise ValueError(f"the model has no parameter and no state '{name}'")
        array = np.empty(tensor["shape"], dtype=tensor_dtype(tensor))
        self._call(
            "pi_model_read_tensor",
            self._handle,
            name.encode(),
            array.ctypes.data,
            array.nbytes,
        )
        return array

    def run(self, entry_point, inputs):
        """Runs any entry point: its outputs, as arrays by name.

        `inputs` has an array (or a number, for a scalar) for each input that
        `info["entry_points"]` lists, which also has the outputs. Raises
        ValueError for names, shapes and types that differ.
        """
        entries = {entry["name"]: entry for entry in self.info["entry_points"]}
        if entry_point not in entries:
            raise ValueError(
                f"no entry point '{entry_point}'; the model has {', '.join(entries)}"
            )
        entry = entries[entry_point]
        names = [tensor["name"] for tensor in entry["inputs"]]
        if set(inputs) != set(names):
            raise ValueError(
                f"entry point '{entry_point}' has inputs {', '.join(names) or 'none'}; "
                f"given are {', '.join(map(str, inputs)) or 'none'}"
            )
        arrays = [
            as_input(tensor, inputs[tensor["name"]]) for tensor in entry["inputs"]
        ]
        outputs = [
            np.empty(tensor["shape"], dtype=tensor_dtype(tensor))
            for tensor in entry["outputs"]
        ]
        self._call(
            "pi_model_run",
            self._handle,
            entry_point.encode(),
            pointers(arrays),
            pointers(outputs),
        )
        return {
            tensor["name"]: array for tensor, array in zip(entry["outputs"], outputs)
        }

    def forward(self, tokens):
        """Logits of all positions, float32 of rows x length x V.

        `tokens` is rows x length with rows <= B and length <= T.
        """
        tokens = as_tokens(tokens)
        logits = np.empty((*tokens.shape, self.vocab_size), dtype=np.float32)
        self._call(
            "pi_model_forward",
            self._handle,
            pointer(tokens, c_int32),
            *tokens.shape,
            pointer(logits, c_float),
        )
        return logits

    def generate(
        self, prompt, max_new_tokens, *, temperature=0.0, top_k=0, top_p=1.0, seed=0
    ):
        """Yields the next token of each row, int32 of `rows`.

        `prompt` is rows x length; at most T - length + 1 tokens follow it, the
        last of which no position is left to read. temperature 0 takes the most
        probable token; top_k 0 and top_p 1 keep all tokens.
        """
        check_range("seed", seed, 0, MAXIMAL_SEED)
        check_range("top_k", top_k, 0, MAXIMAL_INT)
        prompt = as_tokens(prompt)
        rows, length = prompt.shape
        self._call(
            "pi_generate_start",
            self._handle,
            pointer(prompt, c_int32),
            rows,
            length,
            Sampling(temperature, top_k, top_p, seed),
        )
        for _ in range(min(max_new_tokens, self.sequence_length - length + 1)):
            tokens = np.empty(rows, dtype=np.int32)
            self._call("pi_generate_next", self._handle, pointer(tokens, c_int32))
            yield tokens
