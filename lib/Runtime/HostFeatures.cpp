//===- HostFeatures.cpp - What this processor can execute -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostFeatures.h"

#include "pi/Runtime/HostFeatureNames.h"

namespace pi_runtime {

static bool hasFeature([[maybe_unused]] const std::string &name) {
#if defined(__x86_64__)
#define PI_CHECK_FEATURE(feature)                                              \
  if (name == feature)                                                         \
    return __builtin_cpu_supports(feature);
  PI_FOR_EACH_X86_FEATURE(PI_CHECK_FEATURE)
#undef PI_CHECK_FEATURE
#endif
  return false;
}

Status checkHostFeatures(const Artifact &artifact) {
  const Manifest &manifest = artifact.manifest();
  for (const std::string &feature : manifest.hostFeatures)
    if (!hasFeature(feature))
      return unavailable("the host code of '" + artifact.path() +
                         "' uses instructions that this processor lacks (" +
                         feature + "); compile the model for this processor");
  return Status::success();
}

} // namespace pi_runtime
