//===- Executor.cpp - The executor for an artefact's target ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Executor.h"

namespace pi_runtime {

Status missingParameter(const std::string &name) {
  return invalidArgument("parameter '" + name +
                         "' has no value: no weights are loaded");
}

Result<std::unique_ptr<Executor>> createExecutor(const Artifact &artifact,
                                                 int device) {
  const std::string &target = artifact.manifest().target;
  if (target == "cuda")
    return createCudaExecutor(artifact, device);
  if (target != "cpu")
    return unavailable("'" + artifact.path() + "' is compiled for target '" +
                       target + "', which this runtime cannot execute");
  if (device != 0)
    return invalidArgument("no device " + std::to_string(device) + ": '" +
                           artifact.path() +
                           "' is compiled for the CPU, which is device 0");
  return createHostExecutor(artifact);
}

} // namespace pi_runtime
