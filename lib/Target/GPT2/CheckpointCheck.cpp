//===- CheckpointCheck.cpp - A checkpoint against a module ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/GPT2/CheckpointCheck.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Runtime/Safetensors.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::pi;

bool mlir::pi::hasCheckpoint(StringRef directory) {
  for (StringRef name : {"model.safetensors", "model.safetensors.index.json"}) {
    SmallString<128> path(directory);
    llvm::sys::path::append(path, name);
    if (llvm::sys::fs::exists(path))
      return true;
  }
  return false;
}

static std::string toText(ArrayRef<int64_t> shape) {
  return pi_runtime::shapeText(pi_runtime::Shape(shape.begin(), shape.end()));
}

/// Compares the tensor of one parameter with its declaration.
static LogicalResult checkParameter(ParameterOp parameter,
                                    const pi_runtime::Checkpoint &checkpoint) {
  ArrayRef<int64_t> shape = parameter.getTensorType().getShape();
  MLIRContext *context = parameter.getContext();
  StringRef name = parameter.getSymName();
  const pi_runtime::TensorView *tensor = checkpoint.find(name.str());
  if (!tensor) {
    if (parameter.isDerived())
      return success();
    return emitError(FileLineColLoc::get(context, checkpoint.path(), 0, 0))
           << "has no parameter '" << name << "', which config.json needs with "
           << "shape " << toText(shape);
  }
  Location loc = FileLineColLoc::get(context, checkpoint.fileOf(*tensor), 0, 0);
  if (ArrayRef(tensor->info.shape) != shape)
    return emitError(loc) << "parameter '" << tensor->info.name
                          << "' has shape " << toText(tensor->info.shape)
                          << ", but config.json needs " << toText(shape);
  if (!pi_runtime::convertsToFloat(tensor->info.dtype))
    return emitError(loc) << "parameter '" << tensor->info.name
                          << "' has dtype "
                          << pi_runtime::dataTypeName(tensor->info.dtype).data()
                          << ", but only f32, f16, bf16 and f64 are supported";
  return success();
}

/// Whether a tensor without a parameter is no loss: the causal mask of old
/// checkpoints, or a head that is tied.
static bool isExpendable(StringRef name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name == "lm_head.weight";
}

LogicalResult mlir::pi::checkCheckpoint(ModuleOp module, StringRef directory) {
  MLIRContext *context = module.getContext();
  pi_runtime::Result<pi_runtime::Checkpoint> checkpoint =
      pi_runtime::Checkpoint::open(directory.str());
  if (!checkpoint)
    return emitError(FileLineColLoc::get(context, directory, 0, 0))
           << checkpoint.status().message();
  llvm::StringSet<> names;
  for (ParameterOp parameter : module.getOps<ParameterOp>()) {
    if (failed(checkParameter(parameter, *checkpoint)))
      return failure();
    names.insert(parameter.getSymName());
  }
  SmallVector<StringRef> unused;
  for (const auto &[fullName, tensor] : checkpoint->tensors()) {
    StringRef name = fullName;
    name.consume_front("transformer.");
    if (!names.contains(name) && !isExpendable(name))
      unused.push_back(fullName);
  }
  if (!unused.empty())
    emitWarning(FileLineColLoc::get(context, directory, 0, 0))
        << unused.size() << " tensors belong to no parameter of config.json, "
        << "the first is '" << unused.front() << "'";
  return success();
}
