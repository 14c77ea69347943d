//===- Safetensors.cpp - Reads and writes safetensors files ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Safetensors.h"

#include "JsonFields.h"

#include <algorithm>
#include <cctype>
#include <cstring>

using nlohmann::json;

namespace pi_runtime {

/// The key of a header that holds free text instead of a tensor.
static constexpr const char *metadataKey = "__metadata__";

//===----------------------------------------------------------------------===//
// One file
//===----------------------------------------------------------------------===//

namespace {
/// Where a tensor lies in the data after the header.
struct Extent {
  uint64_t begin;
  uint64_t end;
  const std::string *name;
};
} // namespace

/// Reads one entry of the header and checks it against itself.
static TensorInfo readEntry(const std::string &name, const JsonReader &reader,
                            std::vector<Extent> &extents) {
  TensorInfo info;
  std::string typeName = reader.field("dtype").string();
  std::optional<DataType> type = parseDataType(typeName);
  if (!type)
    reader.fail("unknown dtype '" + typeName + "'");
  info.dtype = type.value_or(DataType::F32);
  info.shape = reader.field("shape").integers(maximalRank, 0, int64_t(1) << 48);
  Result<uint64_t> count = checkedElementCount(info.shape);
  if (!count) {
    reader.fail(count.status().message());
    return info;
  }
  std::vector<int64_t> offsets =
      reader.field("data_offsets").integers(2, 0, int64_t(1) << 62);
  if (offsets.size() != 2) {
    reader.fail("data_offsets: expected two numbers");
    return info;
  }
  auto begin = static_cast<uint64_t>(offsets[0]);
  auto end = static_cast<uint64_t>(offsets[1]);
  uint64_t expected = *count * dataTypeSize(info.dtype);
  if (end < begin || end - begin != expected)
    reader.fail("data_offsets [" + std::to_string(begin) + ", " +
                std::to_string(end) + "] do not hold the " +
                std::to_string(expected) + " bytes of " + typeName +
                " with shape " + shapeText(info.shape));
  extents.push_back({begin, end, &name});
  return info;
}

/// Tensors have to follow each other and to end with the file.
static Status checkExtents(std::vector<Extent> extents, uint64_t available) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent &left, const Extent &right) {
              return std::tie(left.begin, left.end) <
                     std::tie(right.begin, right.end);
            });
  uint64_t end = 0;
  for (const Extent &extent : extents) {
    if (extent.begin != end)
      return invalidFile("tensor '" + *extent.name + "' starts at byte " +
                         std::to_string(extent.begin) + " of the data; " +
                         (extent.begin < end ? "it overlaps" : "a gap after") +
                         " the tensor that ends at " + std::to_string(end));
    end = extent.end;
    if (end > available)
      return invalidFile("truncated: tensor '" + *extent.name +
                         "' ends at byte " + std::to_string(end) +
                         " of the data, of which the file has " +
                         std::to_string(available));
  }
  if (end < available)
    return invalidFile(std::to_string(available - end) +
                       " bytes after the last tensor");
  return Status::success();
}

Status SafetensorsFile::read() {
  constexpr uint64_t maxHeader = 100'000'000; // That of the reference reader.
  uint64_t headerSize;
  if (file.size() < sizeof(headerSize))
    return invalidFile("truncated: no header");
  std::memcpy(&headerSize, file.data(), sizeof(headerSize));
  uint64_t rest = file.size() - sizeof(headerSize);
  if (headerSize > maxHeader)
    return invalidFile("not a safetensors file: a header of " +
                       std::to_string(headerSize) + " bytes");
  if (headerSize > rest)
    return invalidFile("truncated: the header has " +
                       std::to_string(headerSize) + " bytes, the file " +
                       std::to_string(rest) + " after its first 8");
  Result<json> header =
      parseJsonObject(file.text().substr(sizeof(headerSize), headerSize));
  if (!header)
    return std::move(header.status()).withContext("header");

  Status status;
  std::vector<Extent> extents;
  for (const auto &[name, reader] : JsonReader(*header, status).fields()) {
    if (name == metadataKey) {
      for (const auto &[key, value] : reader.fields())
        (void)value.string();
      continue;
    }
    auto place = content.try_emplace(name).first;
    place->second.info = readEntry(place->first, reader, extents);
    place->second.info.name = name;
  }
  if (status)
    status = checkExtents(extents, rest - headerSize);
  if (!status)
    return status;
  const unsigned char *data = file.data() + sizeof(headerSize) + headerSize;
  for (const Extent &extent : extents)
    content[*extent.name].data = data + extent.begin;
  return status;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.status();
  SafetensorsFile file(std::move(*mapped));
  if (Status status = file.read(); !status)
    return std::move(status).withContext("'" + path + "'");
  return file;
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

static constexpr const char *singleFileName = "model.safetensors";
static constexpr const char *indexSuffix = ".index.json";

/// The file of a checkpoint directory that says where its tensors are.
static Result<std::string> findInDirectory(const std::string &directory) {
  std::string single = directory + "/" + singleFileName;
  for (const std::string &path : {single, single + indexSuffix})
    if (fileExists(path))
      return path;
  std::string hint;
  if (fileExists(directory + "/pytorch_model.bin"))
    hint = "; pytorch_model.bin is not read, save the model with "
           "save_pretrained to have safetensors";
  return invalidFile("'" + directory + "' has neither " + singleFileName +
                     " nor " + singleFileName + indexSuffix + hint);
}

static bool hasSuffix(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

Result<Checkpoint> Checkpoint::open(const std::string &path) {
  std::string filePath = path;
  if (isDirectory(path)) {
    Result<std::string> found = findInDirectory(path);
    if (!found)
      return found.status();
    filePath = *found;
  }
  Checkpoint checkpoint;
  checkpoint.checkpointPath = path;
  if (hasSuffix(filePath, indexSuffix)) {
    if (Status status = checkpoint.readIndex(filePath); !status)
      return status;
    return checkpoint;
  }
  Result<SafetensorsFile> file = SafetensorsFile::open(filePath);
  if (!file)
    return file.status();
  checkpoint.content = file->tensors();
  checkpoint.files.push_back(std::move(*file));
  for (const auto &[name, tensor] : checkpoint.content)
    checkpoint.fileNumbers[name] = 0;
  return checkpoint;
}

Status Checkpoint::readIndex(const std::string &indexPath) {
  Status status = readShards(indexPath);
  return std::move(status).withContext("'" + indexPath + "'");
}

Status Checkpoint::readShards(const std::string &indexPath) {
  Result<MappedFile> mapped = MappedFile::open(indexPath);
  if (!mapped)
    return mapped.status();
  Result<json> index = parseJsonObject(mapped->text());
  if (!index)
    return index.status();
  size_t slash = indexPath.rfind('/');
  std::string directory =
      slash == std::string::npos ? "" : indexPath.substr(0, slash + 1);

  Status status;
  JsonReader map = JsonReader(*index, status).field("weight_map");
  std::map<std::string, size_t> numbers;
  for (const auto &[name, reader] : map.fields()) {
    std::string shard = reader.string();
    if (shard.empty() || shard.find('/') != std::string::npos)
      reader.fail("'" + shard + "' is no file beside the index");
    if (!status)
      return status;
    auto [place, isNew] = numbers.try_emplace(shard, files.size());
    if (isNew) {
      Result<SafetensorsFile> file = SafetensorsFile::open(directory + shard);
      if (!file)
        return file.status();
      files.push_back(std::move(*file));
    }
    const auto &tensors = files[place->second].tensors();
    auto found = tensors.find(name);
    if (found == tensors.end())
      return invalidFile("tensor '" + name + "' is not in '" + directory +
                         shard + "'");
    content[name] = found->second;
    fileNumbers[name] = place->second;
  }
  return status;
}

const TensorView *Checkpoint::find(const std::string &parameter) const {
  for (const std::string &name : {parameter, "transformer." + parameter})
    if (auto found = content.find(name); found != content.end())
      return &found->second;
  return parameter == "lm_head.weight" ? find("wte.weight") : nullptr;
}

std::string Checkpoint::fileOf(const TensorView &tensor) const {
  auto found = fileNumbers.find(tensor.info.name);
  return found == fileNumbers.end() ? checkpointPath
                                    : files[found->second].path();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static json makeHeader(const std::vector<TensorInfo> &tensors) {
  json header = json::object();
  // Readers that serve several frameworks ask whose layout tensors have.
  header[metadataKey] = {{"format", "pt"}};
  uint64_t offset = 0;
  for (const TensorInfo &tensor : tensors) {
    std::string type(dataTypeName(tensor.dtype));
    for (char &letter : type)
      letter = static_cast<char>(std::toupper(letter));
    uint64_t end = offset + tensor.byteSize();
    header[tensor.name] = {{"dtype", type},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  return header;
}

Result<SafetensorsWriter>
SafetensorsWriter::create(const std::string &path,
                          std::vector<TensorInfo> tensors) {
  std::string text = jsonText(makeHeader(tensors));
  text.resize((text.size() + 7) / 8 * 8, ' '); // Keeps the data aligned.
  Result<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.status();
  uint64_t headerSize = text.size();
  Status status = file->write(&headerSize, sizeof(headerSize));
  if (status)
    status = file->write(text);
  if (!status)
    return status;
  return SafetensorsWriter(std::move(*file), std::move(tensors));
}

Status SafetensorsWriter::write(const void *data) {
  const TensorInfo &tensor = tensors[next++];
  return file.write(data, tensor.byteSize())
      .withContext("tensor '" + tensor.name + "'");
}

Status writeSafetensors(const std::string &path,
                        const std::vector<TensorView> &tensors) {
  std::vector<TensorInfo> infos;
  for (const TensorView &tensor : tensors)
    infos.push_back(tensor.info);
  Result<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, std::move(infos));
  if (!writer)
    return writer.status();
  for (const TensorView &tensor : tensors)
    if (Status status = writer->write(tensor.data); !status)
      return status;
  return writer->commit();
}

} // namespace pi_runtime
