//===- ImportGPT2.h - GPT-2 from Hugging Face to the pi dialect -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_GPT2_IMPORTGPT2_H
#define PI_TARGET_GPT2_IMPORTGPT2_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "pi/Target/GPT2/GPT2Config.h"

namespace mlir::pi {

/// The sizes that an import fixes.
struct GPT2ImportOptions {
  int64_t batch = 1;
  /// T; `n_positions` if absent.
  std::optional<int64_t> sequenceLength;
};

/// Builds `module @gpt2` with the parameters of the model, named as in the
/// checkpoint without the leading `transformer.`, and the function
///
///   @forward(input_ids: tensor<BxTxi32>) -> (logits: tensor<BxTxVxf32>)
///
/// Locations name the layer an operation comes from (`h.3.attn.c_attn`).
/// Options that do not fit the configuration are an error at `loc`.
OwningOpRef<ModuleOp> buildGPT2(const GPT2Config &config,
                                const GPT2ImportOptions &options, Location loc);

/// Imports `source`: a directory with a `config.json`, such a file, or a
/// built-in name; an existing path wins over a name. Safetensors files in the
/// directory are compared with the configuration (CheckpointCheck.h). Null,
/// with diagnostics, if it cannot be imported.
OwningOpRef<ModuleOp> importGPT2(StringRef source,
                                 const GPT2ImportOptions &options,
                                 MLIRContext *context);

} // namespace mlir::pi

#endif // PI_TARGET_GPT2_IMPORTGPT2_H
