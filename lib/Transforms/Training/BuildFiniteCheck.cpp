//===- BuildFiniteCheck.cpp - Where a number stops being finite -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingFunctions.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Support/LocationName.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Training/Passes.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIBUILDFINITECHECK
#include "pi/Transforms/Training/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// The float tensors that an operation computes: none where it only reads a
/// parameter or is a constant.
static SmallVector<Value> getComputedFloats(Operation &op) {
  if (op.hasTrait<OpTrait::ConstantLike>() || !isMemoryEffectFree(&op))
    return {};
  return SmallVector<Value>(
      llvm::make_filter_range(op.getResults(), [](Value result) {
        return isa<FloatType>(getElementTypeOrSelf(result.getType()));
      }));
}

namespace {
struct BuildFiniteCheck final
    : public pi::impl::PiBuildFiniteCheckBase<BuildFiniteCheck> {
  using PiBuildFiniteCheckBase::PiBuildFiniteCheckBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> gradients =
        getSourceFunction(getOperation(), kGradientsName, kCheckFiniteName);
    if (failed(gradients))
      return signalPassFailure();
    func::FuncOp check = gradients->clone();
    check.setName(kCheckFiniteName);
    getOperation().insert(std::next(Block::iterator(*gradients)), check);

    SmallVector<Value> values;
    SmallVector<DictionaryAttr> attributes;
    Block &body = check.getFunctionBody().front();
    for (Operation &op :
         llvm::make_early_inc_range(body.without_terminator())) {
      SmallVector<Value> floats = getComputedFloats(op);
      if (floats.empty())
        continue;
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfter(&op);
      attributes.push_back(getNameAttrs(
          &getContext(), Twine(values.size()) + "." + getLocationName(&op) +
                             "." + op.getName().stripDialect()));
      values.push_back(IsFiniteOp::create(builder, op.getLoc(), floats));
    }
    setResults(check, values, attributes);
    numChecks += values.size();
  }
};
} // namespace
