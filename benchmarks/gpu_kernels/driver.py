# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels from machine code, launched over PyTorch tensors by the driver API."""

import base64
import ctypes

import torch

_cuda = ctypes.CDLL("libcuda.so.1")
_MAX_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_PROGRAMMATIC = 6  # CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION


class _Attribute(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_uint),
        ("pad", ctypes.c_uint),
        ("value", ctypes.c_uint * 16),
    ]


class _Config(ctypes.Structure):
    _fields_ = [
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(_Attribute)),
        ("num_attributes", ctypes.c_uint),
    ]


def _check(status):
    if status:
        text = ctypes.c_char_p()
        _cuda.cuGetErrorString(status, ctypes.byref(text))
        raise RuntimeError(f"CUDA driver: {(text.value or b'?').decode()} ({status})")


class Kernels:
    """The kernels of one case of build_kernels.py, launched one after another."""

    def __init__(self, case):
        cubin = base64.b64decode(case["cubin"])
        self.options = {"dtype": "bf16"} | case["options"]
        self.scratch = case["kernels"][0]["launch"].get("scratch", [])
        self._kernels = [
            Kernel(cubin, entry["kernel"], entry["launch"]) for entry in case["kernels"]
        ]

    def launch(self, *tensors, programmatic=False):
        """Launches on PyTorch's current stream with a pointer to each tensor."""
        for kernel in self._kernels:
            kernel.launch(*tensors, programmatic=programmatic)


class Kernel:
    """A kernel of one cubin with its launch."""

    def __init__(self, cubin, name, launch):
        torch.cuda.current_stream()  # makes the context
        torch.empty(1, device="cuda")
        self._launch = launch
        self._module, self._function = ctypes.c_void_p(), ctypes.c_void_p()
        _check(_cuda.cuModuleLoadData(ctypes.byref(self._module), cubin))
        _check(
            _cuda.cuModuleGetFunction(
                ctypes.byref(self._function), self._module, name.encode()
            )
        )
        _check(
            _cuda.cuFuncSetAttribute(
                self._function, _MAX_DYNAMIC_SHARED, launch["shared_bytes"]
            )
        )

    def launch(self, *tensors, programmatic=False):
        """Launches on PyTorch's current stream with a pointer to each tensor."""
        pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]
        arguments = (ctypes.c_void_p * len(pointers))(
            *(ctypes.addressof(pointer) for pointer in pointers)
        )
        attribute = _Attribute(id=_PROGRAMMATIC)
        attribute.value[0] = 1
        config = _Config(
            grid=(ctypes.c_uint * 3)(*self._launch["grid"]),
            block=(ctypes.c_uint * 3)(*self._launch["block"]),
            shared_bytes=self._launch["shared_bytes"],
            stream=torch.cuda.current_stream().cuda_stream,
            attributes=ctypes.pointer(attribute),
            num_attributes=int(programmatic and self._launch["programmatic"]),
        )
        _check(
            _cuda.cuLaunchKernelEx(
                ctypes.byref(config), self._function, arguments, None
            )
        )
