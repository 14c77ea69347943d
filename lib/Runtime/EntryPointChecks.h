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
/// outputs that it gives and takes, and inputs by which code indexes have the
/// type that checkInput reads.
Status verifyEntryPoints(const Artifact &artifact);

/// Whether rows x length tokens are in the vocabulary, or -100 where that is
/// allowed.
Status checkTokens(const Manifest &manifest, const int32_t *tokens,
                   int64_t rows, int64_t length, bool allowIgnored);

/// Whether the data of an input is there and its tokens and positions are in
/// range; targets may be -100.
Status checkInput(const Manifest &manifest, const TensorInfo &input,
                  const void *data);

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_ENTRYPOINTCHECKS_H
