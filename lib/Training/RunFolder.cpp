//===- RunFolder.cpp - The folder of a training run -----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/RunFolder.h"

#include "JsonFields.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>

using nlohmann::json;
using namespace pi_runtime;

namespace pi_training {

using Kind = OptionTable::Entry::Kind;

/// "--min-lr" as "min_lr".
static std::string keyOf(const OptionTable::Entry &entry) {
  std::string key = entry.name.substr(2);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

/// Whether a folder is missing or has nothing but perhaps `allowed`.
static bool isEmpty(const std::string &path, const char *allowed = "") {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path, error), end;
       !error && entry != end; entry.increment(error))
    if (entry->path().filename() != allowed)
      return false;
  return !error || error == std::errc::no_such_file_or_directory;
}

Status RunFolder::checkUnused() const {
  if (fileExists(descriptionPath()))
    return invalidArgument("'" + root +
                           "' has a run already; pi-train --resume " + root +
                           " goes on with it, and --out DIR starts another");
  // A process that was killed before it wrote run.json has left this much.
  if (isEmpty(root, "checkpoints") && isEmpty(checkpointsPath()))
    return Status::success();
  return invalidArgument("'" + root +
                         "' is not an empty folder; --out needs a new one");
}

Result<CheckpointDirectory>
RunFolder::create(const RunSources &sources, const TrainingOptions &options,
                  const TrainingModel &model) const {
  if (Status status = checkUnused(); !status)
    return status;
  if (::mkdir(root.c_str(), 0777) != 0 && errno != EEXIST)
    return executionFailed("cannot make the folder '" + root +
                           "': " + std::strerror(errno));
  // Of two processes that have come so far, one gets the lock, and then looks
  // at what the other may have made.
  Result<CheckpointDirectory> checkpoints =
      CheckpointDirectory::open(checkpointsPath());
  if (!checkpoints)
    return checkpoints.status();
  if (Status status = checkUnused(); !status)
    return status;
  const Manifest &manifest = model.manifest();
  TrainingOptions copy = options;
  OptionTable table("pi-train");
  bindOptions(table, copy);
  json values = json::object();
  for (const OptionTable::Entry &entry : table.entries()) {
    std::string text = entry.print();
    if (entry.kind == Kind::Number)
      values[keyOf(entry)] = json::parse(text, nullptr, false);
    else if (!text.empty())
      values[keyOf(entry)] = text;
  }
  json description = {{"format", "pi-run"},
                      {"version", 1},
                      {"artifact",
                       {{"path", sources.artifact},
                        {"sha256", sources.artifactSha256},
                        {"model", manifest.modelName},
                        {"target", manifest.target},
                        {"batch", manifest.batch},
                        {"sequence_length", manifest.sequenceLength},
                        {"vocab_size", manifest.vocabSize}}},
                      {"data", {{"sha256", sources.dataSha256}}},
                      {"attentions", model.attentions()},
                      {"options", values}};
  Result<OutputFile> file = OutputFile::create(descriptionPath());
  if (!file)
    return file.status();
  Status status = file->write(jsonText(description, 2) + "\n");
  if (status)
    status = file->commit();
  if (!status)
    return status;
  return checkpoints;
}

static void readOptions(const JsonReader &reader, TrainingOptions &options) {
  OptionTable table("pi-train");
  bindOptions(table, options);
  for (const auto &[key, value] : reader.fields()) {
    auto known = std::find_if(
        table.entries().begin(), table.entries().end(),
        [&key = key](const auto &entry) { return keyOf(entry) == key; });
    if (known == table.entries().end()) {
      value.fail("unknown option");
      continue;
    }
    std::string text =
        known->kind == Kind::Number ? value.numberText() : value.string();
    if (Status status = known->parse(text); !status)
      value.fail(status.message());
  }
}

Result<RunSources> RunFolder::read(TrainingOptions &options) const {
  std::string name = "'" + descriptionPath() + "'";
  Result<MappedFile> file = MappedFile::open(descriptionPath());
  if (!file)
    return invalidFile(file.status().message() +
                       "; --resume takes the folder that --out made");
  Result<json> value = parseJsonObject(file->text());
  if (!value)
    return std::move(value.status()).withContext(name);
  Status status = Status::success();
  JsonReader reader(*value, status);
  if (reader.field("format").string() != "pi-run")
    reader.field("format").fail("expected pi-run");
  reader.field("version").integer(1, 1);
  RunSources sources;
  JsonReader artifact = reader.field("artifact");
  sources.artifact = artifact.field("path").string();
  sources.artifactSha256 = artifact.field("sha256").string();
  sources.dataSha256 = reader.field("data").field("sha256").string();
  readOptions(reader.field("options"), options);
  if (!status)
    return std::move(status).withContext(name);
  return sources;
}

} // namespace pi_training
