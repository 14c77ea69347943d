//===- AttentionForward.cpp - Tiling and launch of attention ------*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionForward.h"
#include "AttentionTiles.h"
#include "AttentionTilesF32.h"
#include "KernelNames.h"

using namespace mlir;
using namespace mlir::pi;

AttentionTiling mlir::pi::getTiling(const AttentionSpec &spec) {
  if (spec.tiling)
    return *spec.tiling;
  if (spec.element.isF32())
    return {/*warps=*/4, /*rowsPerWarp=*/8, /*columns=*/32};
  // With 32 rows a warp uses each fragment of K and V twice, which halves the
  // traffic of shared memory; wider heads leave no registers for that, and
  // short sequences are limited by the start and end of a block.
  bool wide = spec.headSize <= 64 && spec.tokens > 256;
  if (!wide)
    return {/*warps=*/4, /*rowsPerWarp=*/16, /*columns=*/64};
  bool moreState = spec.temperature || spec.entropy;
  return {/*warps=*/4, /*rowsPerWarp=*/32, /*columns=*/moreState ? 32 : 64};
}

std::string mlir::pi::getAttentionName(StringRef kind,
                                       const AttentionSpec &spec) {
  KernelName name(kind);
  name.add(spec.element)
      .add("b", spec.batch)
      .add("t", spec.tokens)
      .add("h", spec.heads)
      .add("d", spec.headSize)
      .add("s", spec.scale)
      .addIf(spec.causal, "causal")
      .addIf(spec.temperature, "temperature")
      .addIf(spec.entropy, "entropy")
      .addIf(spec.logSumExp, "lse");
  if (spec.tiling)
    name.add("w", spec.tiling->warps)
        .add("r", spec.tiling->rowsPerWarp)
        .add("c", spec.tiling->columns);
  return name.str();
}

SmallVector<Type> mlir::pi::getArgumentTypes(const AttentionSpec &spec) {
  int64_t width = spec.heads * spec.headSize;
  Type f32 = Float32Type::get(spec.element.getContext());
  SmallVector<Type> types = {
      MemRefType::get({spec.batch, spec.tokens, 3 * width}, spec.element)};
  if (spec.temperature)
    types.push_back(MemRefType::get({spec.heads, spec.tokens}, f32));
  types.push_back(
      MemRefType::get({spec.batch, spec.tokens, width}, spec.element));
  types.append(spec.entropy + spec.logSumExp,
               MemRefType::get({spec.batch, spec.heads, spec.tokens}, f32));
  return types;
}

/// Bytes of dynamic shared memory.
static int64_t getSharedBytes(const AttentionSpec &spec) {
  AttentionTiling tiling = getTiling(spec);
  int64_t rows = tiling.warps * tiling.rowsPerWarp;
  // In f32 Q, K, V and P, in bf16 Q and two stages of K and V, each with 16
  // bytes of padding after a row.
  if (spec.element.isF32())
    return (rows + 2 * tiling.columns) *
               AttentionTilesF32::getStride(spec.headSize) +
           rows * AttentionTilesF32::getProductStride(tiling.columns);
  return (rows + 4 * tiling.columns) * AttentionTiles::getStride(spec.headSize);
}

LogicalResult mlir::pi::checkAttention(Location loc,
                                       const AttentionSpec &spec) {
  if (!spec.element.isF32() && !spec.element.isBF16())
    return emitError(loc, "attention kernels take f32 and bf16, not ")
           << spec.element;
  if (spec.headSize % 16 || spec.headSize > 128)
    return emitError(loc, "attention kernels take heads of a multiple of 16 up "
                          "to 128 columns, not ")
           << spec.headSize;
  // The second dimension of a grid.
  if (spec.batch * spec.heads > 65535)
    return emitError(loc, "attention kernels take at most 65535 heads of "
                          "sequences, not ")
           << spec.batch * spec.heads;
  return success();
}

FailureOr<KernelLaunch> mlir::pi::buildAttention(gpu::GPUModuleOp module,
                                                 Location loc,
                                                 const AttentionSpec &spec) {
  if (failed(checkAttention(loc, spec)))
    return failure();
  AttentionTiling tiling = getTiling(spec);
  KernelLaunch launch;
  launch.grid = {
      llvm::divideCeilSigned(spec.tokens, tiling.warps * tiling.rowsPerWarp),
      spec.batch * spec.heads, 1};
  launch.block = {32 * tiling.warps, 1, 1};
  launch.sharedBytes = getSharedBytes(spec);
  std::string name = getAttentionName("attention", spec);
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (!launch.kernel)
    launch.kernel = spec.element.isF32()
                        ? buildAttentionF32(module, loc, name, spec)
                        : buildAttentionBF16(module, loc, name, spec);
  return launch;
}
