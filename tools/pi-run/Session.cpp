//===- Session.cpp - A model of the C interface ---------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include <nlohmann/json.hpp>

#include <cstdio>

using nlohmann::json;

namespace pi_run {

Status Session::check(pi_status status) const {
  if (status == PI_OK)
    return Status::success();
  return Status::error(static_cast<pi_runtime::ErrorKind>(status),
                       pi_last_error());
}

Status Session::open(const std::string &path, int32_t device) {
  Stopwatch watch;
  Status status = check(pi_model_open(path.c_str(), device, &model));
  if (status)
    status = readInfo();
  if (status)
    note("open", watch.milliseconds(), deviceName);
  return status;
}

Status Session::readInfo() {
  const char *text;
  if (Status status = check(pi_model_info(model, &text)); !status)
    return status;
  json info = json::parse(text);
  const json &sizes = info["model"];
  batchSize = sizes["batch"];
  length = sizes["sequence_length"];
  vocabulary = sizes["vocab_size"];
  parameterBytes = info["parameter_bytes"];
  deviceName = info["device"];
  for (const json &entry : info["entry_points"])
    entryPoints += " " + entry["name"].get<std::string>() + " ";
  info.erase("tensors");
  description = info.dump(2);
  return Status::success();
}

bool Session::hasEntryPoint(const std::string &name) const {
  return entryPoints.find(" " + name + " ") != std::string::npos;
}

Status Session::loadWeights(const std::string &path, bool tune) {
  Stopwatch watch;
  Status status = check(pi_model_load_weights(model, path.c_str()));
  if (status)
    note("weights", watch.milliseconds(),
         std::to_string(parameterBytes) + " bytes");
  if (!status || !tune)
    return status;
  Stopwatch tuning;
  status = check(pi_model_tune(model));
  if (status)
    note("tune", tuning.milliseconds(), deviceName);
  return status;
}

void Session::note(const char *what, double milliseconds,
                   const std::string &detail) {
  if (stats)
    std::fprintf(stderr, "pi-run: %-8s %10.3f ms  %s\n", what, milliseconds,
                 detail.c_str());
}

} // namespace pi_run
