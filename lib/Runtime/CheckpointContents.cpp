//===- CheckpointContents.cpp - The files of one checkpoint ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointContents.h"

#include "HostMemory.h"
#include "JsonFields.h"

#include "pi/Runtime/Checksum.h"
#include "pi/Runtime/Safetensors.h"

#include <algorithm>
#include <limits>
#include <set>
#include <sys/stat.h>

using nlohmann::json;

namespace pi_runtime {

static constexpr const char *modelName = "model.safetensors";
static constexpr const char *optimizerName = "optimizer.safetensors";
static constexpr const char *stateName = "state.json";
static constexpr const char *recordName = "checkpoint.json";
static constexpr const char *neededNames[] = {modelName, optimizerName,
                                              stateName};
static constexpr int64_t formatVersion = 1;

//===----------------------------------------------------------------------===//
// What is stored
//===----------------------------------------------------------------------===//

namespace {
/// Parameters or states of a model, by their indices in the manifest, as they
/// stand in a file.
struct StoredTensors {
  const char *what;
  std::vector<size_t> indices;
  std::vector<TensorInfo> infos;
};
} // namespace

/// Parameters in their storage type. One that is derived and that no entry
/// point updates follows from the others.
static StoredTensors storedParameters(const Manifest &manifest) {
  StoredTensors stored{"parameter", {}, {}};
  std::vector<bool> used = manifest.usedParameters();
  std::vector<bool> updated = manifest.updatedParameters();
  for (size_t i = 0; i < manifest.parameters.size(); ++i) {
    const ParameterInfo &parameter = manifest.parameters[i];
    if (!used[i] || (parameter.derived && !updated[i]))
      continue;
    stored.indices.push_back(i);
    stored.infos.push_back(
        {parameter.name, parameter.storageDtype, parameter.shape});
  }
  return stored;
}

/// States but for those that only a generation has: its keys and values.
static StoredTensors storedStates(const Manifest &manifest) {
  std::set<std::string> names;
  for (const EntryPoint &entry : manifest.entryPoints)
    for (const EntryArgument &argument : entry.arguments)
      if (argument.kind == EntryArgument::Kind::State &&
          entry.name != "prefill" && entry.name != "decode")
        names.insert(argument.name);
  StoredTensors stored{"state", {}, {}};
  for (size_t i = 0; i < manifest.states.size(); ++i)
    if (names.count(manifest.states[i].name)) {
      stored.indices.push_back(i);
      stored.infos.push_back(manifest.states[i]);
    }
  return stored;
}

static bool isPlainName(const std::string &name) {
  return !name.empty() && name[0] != '.' && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

Status verifyFileNames(const std::vector<CheckpointFile> &files) {
  std::set<std::string> names(std::begin(neededNames), std::end(neededNames));
  names.insert(recordName);
  for (const CheckpointFile &file : files) {
    if (!isPlainName(file.name))
      return invalidArgument("'" + file.name +
                             "' is no plain name of a checkpoint's file");
    if (!names.insert(file.name).second)
      return invalidArgument("a checkpoint has a file '" + file.name +
                             "' already");
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// Writes files into a directory and remembers them for the record.
class ContentsWriter {
public:
  ContentsWriter(const std::string &directory, int64_t step)
      : directory(directory), record{step, {}} {}

  Status writeText(const std::string &name, std::string_view text);
  /// `read(index, data)` gives the value of one tensor.
  template <typename Read>
  Status writeTensors(const std::string &name, const StoredTensors &stored,
                      Read read);
  Status writeRecord();

private:
  std::string pathOf(const std::string &name) const {
    return directory + "/" + name;
  }

  const std::string &directory;
  CheckpointRecord record;
};
} // namespace

Status ContentsWriter::writeText(const std::string &name,
                                 std::string_view text) {
  Result<OutputFile> file = OutputFile::create(pathOf(name));
  if (!file)
    return file.status();
  Status status = file->write(text);
  if (status)
    status = file->commit();
  if (status)
    record.files.push_back({name, file->size(), file->checksum()});
  return status;
}

template <typename Read>
Status ContentsWriter::writeTensors(const std::string &name,
                                    const StoredTensors &stored, Read read) {
  uint64_t largest = 0;
  for (const TensorInfo &info : stored.infos)
    largest = std::max(largest, info.byteSize());
  HostBuffer buffer = allocateHostBuffer(largest);
  if (!buffer)
    return unavailable("no memory for the " + std::to_string(largest) +
                       " bytes of a tensor of '" + pathOf(name) + "'");
  Result<SafetensorsWriter> writer =
      SafetensorsWriter::create(pathOf(name), stored.infos);
  if (!writer)
    return writer.status();
  for (size_t i = 0; i < stored.indices.size(); ++i) {
    if (Status status = read(stored.indices[i], buffer.get()); !status)
      return std::move(status).withContext(std::string(stored.what) + " '" +
                                           stored.infos[i].name + "'");
    if (Status status = writer->write(buffer.get()); !status)
      return status;
  }
  if (Status status = writer->commit(); !status)
    return status;
  record.files.push_back({name, writer->size(), writer->checksum()});
  return Status::success();
}

Status ContentsWriter::writeRecord() {
  json files = json::object();
  for (const CheckpointRecord::File &file : record.files)
    files[file.name] = {{"size", file.size}, {"crc32", file.checksum}};
  return writeText(recordName, jsonText({{"format_version", formatVersion},
                                         {"step", record.step},
                                         {"files", files}},
                                        2) +
                                   "\n");
}

Status writeContents(const std::string &directory, const Model &model,
                     int64_t step, std::string_view state,
                     const std::vector<CheckpointFile> &files) {
  ContentsWriter writer(directory, step);
  Status status = writer.writeTensors(
      modelName, storedParameters(model.manifest()),
      [&](size_t i, void *data) { return model.readParameter(i, data); });
  if (status)
    status = writer.writeTensors(
        optimizerName, storedStates(model.manifest()),
        [&](size_t i, void *data) { return model.readState(i, data); });
  if (status)
    status = writer.writeText(stateName, state);
  for (const CheckpointFile &file : files)
    if (status)
      status = writer.writeText(file.name, file.text);
  return status ? writer.writeRecord() : status;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Whether a file has the size that is recorded; what was written to a full
/// disk or before a machine stopped may be shorter.
static Status checkSize(const std::string &path, uint64_t expected) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0)
    return invalidFile("'" + path + "' is missing");
  if (static_cast<uint64_t>(info.st_size) == expected)
    return Status::success();
  return invalidFile("'" + path + "' has " + std::to_string(info.st_size) +
                     " bytes; " + recordName + " says " +
                     std::to_string(expected));
}

Result<CheckpointRecord> readRecord(const std::string &directory) {
  std::string path = directory + "/" + recordName;
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  Result<json> value = parseJsonObject(file->text());
  if (!value)
    return std::move(value.status()).withContext("'" + path + "'");
  Status status;
  JsonReader reader(*value, status);
  reader.field("format_version").integer(formatVersion, formatVersion);
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  CheckpointRecord record;
  record.step = reader.field("step").integer(0, most);
  JsonReader files = reader.field("files");
  for (const auto &[name, entry] : files.fields()) {
    if (!isPlainName(name))
      entry.fail("no plain name of a file");
    record.files.push_back(
        {name, static_cast<uint64_t>(entry.field("size").integer(0, most)),
         static_cast<uint32_t>(entry.field("crc32").integer(0, ~uint32_t(0)))});
  }
  for (const char *name : neededNames)
    if (!files.hasField(name))
      files.fail(std::string("no '") + name + "'");
  if (!status)
    return std::move(status).withContext("'" + path + "'");
  for (const CheckpointRecord::File &entry : record.files)
    if (Status status = checkSize(directory + "/" + entry.name, entry.size);
        !status)
      return status;
  return record;
}

static Status checkChecksum(const std::string &path, uint32_t expected) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  if (crc32(file->text()) == expected)
    return Status::success();
  return invalidFile("'" + path + "' is damaged (crc32 differs from that in " +
                     recordName + ")");
}

/// The file has the tensors, in their types and shapes, and no others.
static Status checkTensors(const SafetensorsFile &file,
                           const StoredTensors &stored) {
  std::set<std::string> known;
  for (const TensorInfo &info : stored.infos) {
    known.insert(info.name);
    std::string text = std::string(stored.what) + " '" + info.name + "'";
    auto found = file.tensors().find(info.name);
    if (found == file.tensors().end())
      return invalidFile("has no " + text);
    const TensorInfo &other = found->second.info;
    if (other.dtype != info.dtype || other.shape != info.shape)
      return invalidFile(text + " is " +
                         std::string(dataTypeName(other.dtype)) + " of shape " +
                         shapeText(other.shape) + "; the model has " +
                         std::string(dataTypeName(info.dtype)) + " of shape " +
                         shapeText(info.shape));
  }
  for (const auto &[name, tensor] : file.tensors())
    if (!known.count(name))
      return invalidFile("tensor '" + name + "' is no " + stored.what +
                         " of the model");
  return Status::success();
}

static Result<SafetensorsFile> openTensors(const std::string &path,
                                           const StoredTensors &stored) {
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.status();
  if (Status status = checkTensors(*file, stored); !status)
    return std::move(status).withContext("'" + path + "'");
  return file;
}

Result<std::string> loadContents(const std::string &directory, Model &model) {
  Result<CheckpointRecord> record = readRecord(directory);
  if (!record)
    return record.status();
  for (const CheckpointRecord::File &file : record->files)
    if (Status status =
            checkChecksum(directory + "/" + file.name, file.checksum);
        !status)
      return status;
  std::string modelPath = directory + "/" + modelName;
  if (Result<SafetensorsFile> file =
          openTensors(modelPath, storedParameters(model.manifest()));
      !file)
    return file.status();
  StoredTensors states = storedStates(model.manifest());
  Result<SafetensorsFile> optimizer =
      openTensors(directory + "/" + optimizerName, states);
  if (!optimizer)
    return optimizer.status();
  Result<MappedFile> state = MappedFile::open(directory + "/" + stateName);
  if (!state)
    return state.status();

  if (Status status = model.loadWeights(modelPath); !status)
    return status;
  for (size_t i = 0; i < states.indices.size(); ++i) {
    const std::string &name = states.infos[i].name;
    const TensorView &tensor = optimizer->tensors().at(name);
    if (Status status = model.setState(states.indices[i], tensor.data); !status)
      return std::move(status).withContext("state '" + name + "'");
  }
  return std::string(state->text());
}

} // namespace pi_runtime
