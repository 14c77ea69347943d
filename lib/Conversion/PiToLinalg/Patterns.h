//===- Patterns.h - Lowerings of pi by group of operations ------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOLINALG_PATTERNS_H
#define PI_LIB_CONVERSION_PITOLINALG_PATTERNS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::pi {

void populateLinearPatterns(RewritePatternSet &patterns);
void populateWeightPatterns(RewritePatternSet &patterns);
void populateNonlinearPatterns(RewritePatternSet &patterns);
void populateRowPatterns(RewritePatternSet &patterns);
void populateAttentionPatterns(RewritePatternSet &patterns);
void populateAttentionGradPatterns(RewritePatternSet &patterns);
void populateCrossEntropyPatterns(RewritePatternSet &patterns);
void populateTrainingPatterns(RewritePatternSet &patterns);
void populateOptimizerPatterns(RewritePatternSet &patterns);

/// Puts the other addend of a sum into the accumulator of a product. Has to
/// run before the others, while the product is still a `pi.linear`.
void populateAccumulationPatterns(RewritePatternSet &patterns);

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOLINALG_PATTERNS_H
