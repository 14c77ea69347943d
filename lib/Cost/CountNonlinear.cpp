//===- CountNonlinear.cpp - Counts nonlinear operations -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Analysis/TransformerStructure.h"
#include "pi/Cost/CostReport.h"
#include "pi/Cost/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PICOUNTNONLINEAR
#include "pi/Cost/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct CountNonlinear : public pi::impl::PiCountNonlinearBase<CountNonlinear> {
  using PiCountNonlinearBase::PiCountNonlinearBase;

  void runOnOperation() final {
    markAllAnalysesPreserved();
    FunctionOpInterface target = findReportedFunction(getOperation(), function);
    if (!target)
      return signalPassFailure();
    SmallVector<NonlinearCount> counts =
        countNonlinear(target, TransformerStructure(target));
    for (const NonlinearCount &count : counts)
      numFunctions += count.count;
    auto print = [&](raw_ostream &os) {
      for (StringRef site : {"layers", "final"}) {
        std::string text = formatNonlinear(counts, site);
        if (!text.empty())
          os << site << ": " << text << '\n';
      }
    };
    if (failed(writeReport(target, output, print)))
      signalPassFailure();
  }
};
} // namespace
