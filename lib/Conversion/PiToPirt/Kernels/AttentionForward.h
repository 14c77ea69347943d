//===- AttentionForward.h - Attention over a packed projection ----*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_KERNELS_ATTENTIONFORWARD_H
#define PI_CONVERSION_PITOPIRT_KERNELS_ATTENTIONFORWARD_H

#include "TileBuilder.h"
#include "pi/Conversion/PiToPirt/Kernels.h"

namespace mlir::pi {

/// Scores that the mask hides: finite, so that no row makes NaNs, and small
/// enough that their exponential is 0.
constexpr double kMaskedScore = -1e30;
constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

/// The tiling of the spec, or the one its shape asks for.
AttentionTiling getTiling(const AttentionSpec &spec);

/// The memrefs that the kernel takes.
SmallVector<Type> getArgumentTypes(const AttentionSpec &spec);

/// `kind` and the spec in short.
std::string getAttentionName(StringRef kind, const AttentionSpec &spec);

/// What no kernel of attention can do is an error at `loc`.
LogicalResult checkAttention(Location loc, const AttentionSpec &spec);

gpu::GPUFuncOp buildAttentionBF16(gpu::GPUModuleOp module, Location loc,
                                  StringRef name, const AttentionSpec &spec);
gpu::GPUFuncOp buildAttentionF32(gpu::GPUModuleOp module, Location loc,
                                 StringRef name, const AttentionSpec &spec);

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOPIRT_KERNELS_ATTENTIONFORWARD_H
