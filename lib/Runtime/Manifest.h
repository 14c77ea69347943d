//===- Manifest.h - The manifest as JSON ------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_MANIFEST_H
#define PI_LIB_RUNTIME_MANIFEST_H

#include "JsonFields.h"
#include "pi/Runtime/Artifact.h"

namespace pi_runtime {

/// A list of name, dtype and shape; inputs may have index_bound and
/// ignored_index.
nlohmann::json tensorsToJson(const std::vector<TensorInfo> &tensors);
nlohmann::json inputsToJson(const std::vector<InputInfo> &inputs);
nlohmann::json manifestToJson(const Manifest &manifest);
/// Reads the fields; an error goes to the reader's status.
Manifest manifestFromJson(const JsonReader &reader);

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_MANIFEST_H
