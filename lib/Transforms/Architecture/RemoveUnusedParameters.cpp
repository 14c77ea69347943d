//===- RemoveUnusedParameters.cpp - Erase unused parameters ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIREMOVEUNUSEDPARAMETERS
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct RemoveUnusedParameters final
    : public pi::impl::PiRemoveUnusedParametersBase<RemoveUnusedParameters> {
  using PiRemoveUnusedParametersBase::PiRemoveUnusedParametersBase;

  void runOnOperation() override {
    SmallVector<LoadOp> unused;
    getOperation().walk([&](LoadOp load) {
      if (load->use_empty())
        unused.push_back(load);
    });
    for (LoadOp load : unused)
      load.erase();
    numParametersErased += eraseUnusedParameters(getOperation());
  }
};
} // namespace
