//===- TemperatureByProduct.cpp - Temperature by a product ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"

#include "pi/Transforms/Private/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PITEMPERATUREBYPRODUCT
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct TemperatureByProduct
    : public pi::impl::PiTemperatureByProductBase<TemperatureByProduct> {
  using PiTemperatureByProductBase::PiTemperatureByProductBase;

  void runOnOperation() final {
    numAttentions += changeEvaluations(
        getOperation(), [](AttentionOp attention, EvaluationAttr evaluation) {
          return attention.getTemperature()
                     ? evaluation.withTemperatureByProduct()
                     : evaluation;
        });
  }
};
} // namespace
