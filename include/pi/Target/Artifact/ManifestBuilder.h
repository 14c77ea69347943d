//===- ManifestBuilder.h - Describes a compiled model -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_ARTIFACT_MANIFESTBUILDER_H
#define PI_TARGET_ARTIFACT_MANIFESTBUILDER_H

#include "pi/Runtime/Artifact.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::pi {

/// The manifest of a model in execution form: parameters, initialisers in an
/// order in which they can run, states, and entry points with the arguments of
/// their host functions, which take the function's arguments and then its
/// results that are no states. The symbols are those of the host pipeline
/// (getEntrySymbol). A compiler for a device replaces the symbols of entry
/// points by plans.
///
/// A parameter's storage type is the one that the entry points take. Outputs
/// are f32 where they are floats: the runtime widens what a device computes in
/// less.
FailureOr<pi_runtime::Manifest> buildManifest(ModuleOp module, StringRef target,
                                              StringRef targetArch);

} // namespace mlir::pi

#endif // PI_TARGET_ARTIFACT_MANIFESTBUILDER_H
