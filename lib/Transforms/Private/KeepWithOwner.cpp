//===- KeepWithOwner.cpp - Who holds what in the clear --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/CostReport.h"
#include "pi/Transforms/Private/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIKEEPWITHOWNER
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct KeepWithOwner : public pi::impl::PiKeepWithOwnerBase<KeepWithOwner> {
  using PiKeepWithOwnerBase::PiKeepWithOwnerBase;

  void runOnOperation() final {
    auto unit = UnitAttr::get(&getContext());
    for (auto function : getOperation().getOps<FunctionOpInterface>()) {
      if (function.isExternal() || !function.isPublic())
        continue;
      if (weights)
        function->setAttr(kKnownWeightsAttr, unit);
      if (tokens)
        function->setAttr(kKnownTokensAttr, unit);
      ++numFunctions;
    }
  }
};
} // namespace
