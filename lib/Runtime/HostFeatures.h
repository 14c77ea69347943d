//===- HostFeatures.h - What this processor can execute ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_HOSTFEATURES_H
#define PI_LIB_RUNTIME_HOSTFEATURES_H

#include "pi/Runtime/Artifact.h"

namespace pi_runtime {

/// An error if an artefact's host code needs instructions that this processor
/// lacks, or of which this runtime does not know whether it has them.
Status checkHostFeatures(const Artifact &artifact);

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_HOSTFEATURES_H
