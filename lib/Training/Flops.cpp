//===- Flops.cpp - What a training step computes --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/Flops.h"

#include <set>

namespace pi_training {

double trainingFlopsPerToken(const pi_runtime::Manifest &manifest) {
  double matrices = 0, width = 0;
  std::set<std::string> layers;
  bool hasHead = manifest.findParameter("lm_head.weight").has_value();
  for (const pi_runtime::ParameterInfo &parameter : manifest.parameters) {
    if (parameter.shape.size() != 2)
      continue;
    if (parameter.name == "wte.weight")
      width = static_cast<double>(parameter.shape[1]);
    // "h.3.attn.c_proj.weight": the layer is "h.3".
    size_t attention = parameter.name.find(".attn.");
    if (attention != std::string::npos)
      layers.insert(parameter.name.substr(0, attention));
    bool isTable = parameter.name == "wpe.weight" ||
                   (parameter.name == "wte.weight" && hasHead);
    if (!isTable)
      matrices += static_cast<double>(parameter.elementCount());
  }
  return 6 * matrices + 12 * static_cast<double>(layers.size()) * width *
                            static_cast<double>(manifest.sequenceLength);
}

double knownPeakFlops(const std::string &deviceName) {
  // NVIDIA H100 and H200 Tensor Core GPU data sheets: SXM, without sparsity.
  for (const char *name : {"H100", "H200"})
    if (deviceName.find(name) != std::string::npos)
      return 989.4e12;
  return 0;
}

} // namespace pi_training
