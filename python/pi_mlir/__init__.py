# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run and check language models compiled by pi-mlir.

- `pi_mlir.runtime`: the runtime's C interface, with numpy arrays.
- `python -m pi_mlir.generate`: text in, text out.
- `python -m pi_mlir.verify`: an artefact against transformers or PyTorch.
- `python -m pi_mlir.make_checkpoint`: a small real Hugging Face checkpoint.
- `python -m pi_mlir.data`: text as token shards; `pi_mlir.data` reads them.
- `pi_mlir.reference`: the rewritten architectures in plain PyTorch.
"""

__version__ = "0.1.0"
