//===- EntryPointChecks.h - What entry points may have and take -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_ENTRYPOINTCHECKS_H
#define PI_LIB_RUNTIME_ENTRYPOINTCHECKS_H

#include "pi/Runtime/Artifact.h"

namespace pi_runtime {

/// Whether entry points with names that the runtime knows have the inputs and
/// outputs that it gives and takes.
Status verifyEntryPoints(const Artifact &artifact);

/// Whether the values of an input are indices that its code can use. `shape`
/// is that of the values, which may be a part of the input.
Status checkIndices(const InputInfo &input, const int32_t *values,
                    const Shape &shape);

/// Whether the data of an input is there, and its indices are in range.
Status checkInput(const InputInfo &input, const void *data);

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_ENTRYPOINTCHECKS_H
