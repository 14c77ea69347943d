//===- Artifact.cpp - The container of a compiled model -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Artifact.h"

#include "Manifest.h"

#include "pi/Runtime/Checksum.h"

#include <cstring>
#include <set>

using nlohmann::json;

namespace pi_runtime {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the container's numbers are little-endian");

static constexpr std::string_view magic = "PIMODEL\n";
static constexpr size_t headerSize =
    magic.size() + sizeof(uint32_t) + sizeof(uint64_t) + sizeof(uint32_t);
static constexpr size_t sectionAlignment = 64;

static constexpr uint64_t alignUp(uint64_t offset) {
  return (offset + sectionAlignment - 1) / sectionAlignment * sectionAlignment;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Status verifySections(const Manifest &manifest,
                             const std::vector<SectionData> &sections) {
  std::set<std::string> names;
  for (const SectionData &section : sections)
    if (!names.insert(section.name).second)
      return invalidFile("section '" + section.name + "' is listed twice");
  bool needsHost = manifest.target == "cpu" || !manifest.initializers.empty();
  if (needsHost && !names.count(hostCodeSection))
    return invalidFile(std::string("no section '") + hostCodeSection + "'");
  return Status::success();
}

/// Places sections one after the other; offsets count from the first aligned
/// byte after the manifest, so that they do not depend on its length.
static json placeSections(const std::vector<SectionData> &sections) {
  json table = json::array();
  uint64_t offset = 0;
  for (const SectionData &section : sections) {
    table.push_back({{"name", section.name},
                     {"offset", offset},
                     {"size", section.bytes.size()},
                     {"crc32", crc32(section.bytes)}});
    offset = alignUp(offset + section.bytes.size());
  }
  return table;
}

template <typename T>
static void appendNumber(std::string &bytes, T number) {
  bytes.append(reinterpret_cast<const char *>(&number), sizeof(number));
}

Status writeArtifact(const std::string &path, const Manifest &manifest,
                     const std::vector<SectionData> &sections) {
  Status status = verifyManifest(manifest);
  if (status)
    status = verifySections(manifest, sections);
  if (!status)
    return std::move(status).withContext("cannot write '" + path + "'");

  json content = manifestToJson(manifest);
  content["sections"] = placeSections(sections);
  std::string text = jsonText(content);
  std::string head(magic);
  appendNumber<uint32_t>(head, artifactFormatVersion);
  appendNumber<uint64_t>(head, text.size());
  appendNumber<uint32_t>(head, crc32(text));
  head += text;

  Result<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.status();
  status = file->write(head);
  uint64_t position = head.size();
  for (const SectionData &section : sections) {
    std::string padding(alignUp(position) - position, '\0');
    if (status)
      status = file->write(padding);
    if (status)
      status = file->write(section.bytes);
    position += padding.size() + section.bytes.size();
  }
  return status ? file->commit() : status;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

template <typename T>
static T readNumber(std::string_view bytes, size_t offset) {
  T number;
  std::memcpy(&number, bytes.data() + offset, sizeof(number));
  return number;
}

/// The manifest's text, after the checks of the fixed header.
static Result<std::string_view> readHeader(std::string_view bytes) {
  if (bytes.substr(0, magic.size()) != magic)
    return invalidFile("not a compiled model (.pi): the magic is missing");
  if (bytes.size() < headerSize)
    return invalidFile("truncated in the header");
  auto version = readNumber<uint32_t>(bytes, magic.size());
  if (version != artifactFormatVersion)
    return invalidFile("format version " + std::to_string(version) +
                       ", but this runtime reads version " +
                       std::to_string(artifactFormatVersion) +
                       "; compile the model again");
  auto size = readNumber<uint64_t>(bytes, magic.size() + sizeof(version));
  auto crc = readNumber<uint32_t>(bytes, headerSize - sizeof(uint32_t));
  if (size > bytes.size() - headerSize)
    return invalidFile("truncated: the manifest has " + std::to_string(size) +
                       " bytes, the file " +
                       std::to_string(bytes.size() - headerSize) +
                       " after the header");
  std::string_view text = bytes.substr(headerSize, size);
  // A changed digit may give a valid manifest that does not fit the code.
  if (crc32(text) != crc)
    return invalidFile("the manifest is damaged (crc32 differs)");
  return text;
}

/// Reads the table of sections, whose bytes fill `area` without overlap.
static std::vector<SectionData> readSections(const JsonReader &table,
                                             std::string_view area) {
  std::vector<SectionData> sections;
  uint64_t end = 0;
  constexpr int64_t maxOffset = int64_t(1) << 62;
  for (const JsonReader &entry : table.elements()) {
    std::string name = entry.field("name").string();
    auto offset =
        static_cast<uint64_t>(entry.field("offset").integer(0, maxOffset));
    auto size =
        static_cast<uint64_t>(entry.field("size").integer(0, maxOffset));
    auto crc = entry.field("crc32").integer(0, ~uint32_t(0));
    if (offset > area.size() || size > area.size() - offset) {
      entry.fail("the file is truncated: section '" + name + "' ends " +
                 std::to_string(offset + size - area.size()) +
                 " bytes beyond it");
      return sections;
    }
    std::string_view bytes = area.substr(offset, size);
    if (offset != alignUp(end))
      entry.field("offset").fail("expected " + std::to_string(alignUp(end)));
    if (crc32(bytes) != crc)
      entry.fail("section '" + name + "' is damaged (crc32 differs)");
    end = offset + size;
    sections.push_back({std::move(name), bytes});
  }
  if (end != area.size())
    table.fail("sections end " + std::to_string(area.size() - end) +
               " bytes before the file does");
  return sections;
}

Status Artifact::read() {
  std::string_view bytes = file.text();
  Result<std::string_view> text = readHeader(bytes);
  if (!text)
    return text.status();
  Result<json> value = parseJsonObject(*text);
  if (!value)
    return std::move(value.status()).withContext("manifest");

  Status status;
  JsonReader reader(*value, status);
  content = manifestFromJson(reader);
  size_t start =
      std::min<size_t>(alignUp(headerSize + text->size()), bytes.size());
  sections = readSections(reader.field("sections"), bytes.substr(start));
  if (status)
    status = verifyManifest(content);
  if (status)
    status = verifySections(content, sections);
  return std::move(status).withContext("manifest");
}

Result<Artifact> Artifact::open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  Artifact artifact(std::move(*file));
  if (Status status = artifact.read(); !status)
    return std::move(status).withContext("'" + path + "'");
  return artifact;
}

Result<std::string_view> Artifact::section(const std::string &name) const {
  for (const SectionData &section : sections)
    if (section.name == name)
      return section.bytes;
  return invalidFile("'" + path() + "' has no section '" + name + "'");
}

} // namespace pi_runtime
