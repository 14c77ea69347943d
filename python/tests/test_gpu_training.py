# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The GPU tests of train steps, with code for the CPU in the GPU's place.

So they hold where nothing is wrong, and each fails where something is.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import TOOLS, run_tool

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts/gpu_tests"))
import json  # noqa: E402

import training  # noqa: E402

MODEL = training.MODELS[3]
