//===- Flops.cpp - What a training step computes --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/Flops.h"

#include "JsonFields.h"

#include <map>
#include <set>

using namespace pi_runtime;

namespace pi_training {

double trainingFlopsPerToken(const Manifest &manifest) {
  double matrices = 0, width = 0;
  std::set<std::string> layers;
  std::vector<bool> isUsed = manifest.usedParameters();
  std::optional<size_t> head = manifest.findParameter("lm_head.weight");
  bool hasHead = head && isUsed[*head];
  for (size_t i = 0; i < manifest.parameters.size(); ++i) {
    const ParameterInfo &parameter = manifest.parameters[i];
    if (!isUsed[i] || parameter.shape.size() != 2)
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

DataType productType(const Manifest &manifest) {
  const EntryPoint *entry = manifest.findEntryPoint("train_step");
  if (!entry)
    entry = manifest.findEntryPoint("accumulate_gradients");
  if (!entry || entry->plan.empty())
    return DataType::F32;
  Result<nlohmann::json> plan = parseJsonObject(entry->plan);
  if (!plan) // Such an artefact does not open.
    return DataType::F32;
  // What is not as the runtime reads it counts as nothing.
  Status unused;
  std::map<DataType, double> multiplications;
  for (const JsonReader &step :
       JsonReader(*plan, unused).field("steps").elements()) {
    if (step.field("op").string() != "gemm")
      continue;
    double count = 1;
    for (const char *extent : {"m", "n", "k", "batch"})
      count *= step.field(extent).number();
    std::optional<DataType> type = parseDataType(step.field("dtype").string());
    multiplications[type.value_or(DataType::F32)] += count;
  }
  DataType result = DataType::F32;
  for (const auto &[type, count] : multiplications)
    if (count > multiplications[result])
      result = type;
  return result;
}

double knownPeakFlops(const std::string &deviceName, DataType type) {
  // NVIDIA H100 Tensor Core GPU Architecture, 2022, table 2: H100 SXM5, dense;
  // an H200 has the same chip at the same clocks (H200 data sheet, 2023).
  // Products of f32 do not use TF32.
  if (deviceName != "NVIDIA H100 80GB HBM3" && deviceName != "NVIDIA H200")
    return 0;
  return type == DataType::BF16  ? 989.4e12
         : type == DataType::F32 ? 66.9e12
                                 : 0;
}

} // namespace pi_training
