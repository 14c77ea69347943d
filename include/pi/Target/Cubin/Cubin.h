//===- Cubin.h - GPU modules to machine code --------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_CUBIN_CUBIN_H
#define PI_TARGET_CUBIN_CUBIN_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"

namespace mlir::pi {

/// Unit attribute of a kernel that must keep all its values in registers:
/// assembling it with spills is an error.
constexpr StringLiteral kNoSpillAttr = "pi.no_spill";

/// What ptxas reports of one kernel. Sizes in bytes; shared memory is the
/// static part.
struct KernelResources {
  std::string name;
  int64_t registers = 0;
  int64_t spillBytes = 0;
  int64_t sharedBytes = 0;
};

struct Cubin {
  std::string bytes;
  std::string ptx;
  SmallVector<KernelResources> kernels;
};

struct CubinOptions {
  std::string chip = "sm_90a";
  /// LLVM's default PTX version is older than sm_90a.
  std::string features = "+ptx81";
  /// The assembler; if empty, the one of findPtxas().
  std::string ptxas;
};

/// The path of ptxas: in $CUDA_HOME/bin, else the one found when this project
/// was configured, else on the PATH. Empty if there is none.
std::string findPtxas();

/// Lowers a copy of `module` (gpu, nvgpu, nvvm, arith, math, memref, vector,
/// scf and cf inside kernels) through LLVM to PTX, and assembles that with
/// ptxas as a child process.
///
/// A memref argument of a kernel must have a static shape and becomes one
/// pointer. What `math` cannot do by an instruction comes from libdevice.
///
/// Errors, reported at the module or the kernel: no ptxas, code that does not
/// lower, ptxas's own errors, its warnings that it serialised wgmma, and
/// spills in a kernel with `pi.no_spill`.
FailureOr<Cubin> assembleCubin(gpu::GPUModuleOp module,
                               const CubinOptions &options = {});

/// Registers what the translation to LLVM IR needs. Call it before the context
/// loads its dialects.
void registerCubinTranslations(DialectRegistry &registry);

#define GEN_PASS_DECL
#include "pi/Target/Cubin/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Target/Cubin/Passes.h.inc"

} // namespace mlir::pi

#endif // PI_TARGET_CUBIN_CUBIN_H
