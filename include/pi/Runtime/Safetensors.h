//===- Safetensors.h - Reads and writes safetensors files -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_SAFETENSORS_H
#define PI_RUNTIME_SAFETENSORS_H

#include "pi/Runtime/DataType.h"
#include "pi/Runtime/File.h"

#include <map>

namespace pi_runtime {

/// A tensor whose data lies elsewhere: in a mapped file, or in a program's
/// memory when it is to be written. Data is little-endian, need not be aligned.
struct TensorView {
  TensorInfo info;
  const void *data = nullptr;
};

/// One safetensors file, mapped, whose header has been checked: tensors fill
/// the file without overlap or gap, and each has the bytes that its type and
/// shape need. Errors name the file and the tensor.
class SafetensorsFile {
public:
  static Result<SafetensorsFile> open(const std::string &path);

  const std::string &path() const { return file.path(); }
  const std::map<std::string, TensorView> &tensors() const { return content; }

private:
  SafetensorsFile(MappedFile file) : file(std::move(file)) {}
  Status read();

  MappedFile file;
  std::map<std::string, TensorView> content;
};

/// A checkpoint's tensors by name.
class Checkpoint {
public:
  /// `path` is a safetensors file, a `model.safetensors.index.json` beside its
  /// shards, or a directory that has `model.safetensors` or that index.
  static Result<Checkpoint> open(const std::string &path);

  const std::string &path() const { return checkpointPath; }

  /// The tensor of a parameter, or null. Hugging Face writes the names of a
  /// GPT-2 with or without a leading `transformer.`; `lm_head.weight`, where
  /// it is absent, is tied to `wte.weight`.
  const TensorView *find(const std::string &parameter) const;

  /// The file that holds the tensor `find` gives.
  std::string fileOf(const TensorView &tensor) const;

  /// All tensors by their names in the files.
  const std::map<std::string, TensorView> &tensors() const { return content; }

private:
  Status readShards(const std::string &indexPath);
  Status readIndex(const std::string &indexPath);

  std::string checkpointPath;
  std::vector<SafetensorsFile> files;
  std::map<std::string, TensorView> content;
  std::map<std::string, size_t> fileNumbers;
};

/// Writes a file tensor by tensor, in the order of its header.
class SafetensorsWriter {
public:
  /// Names are unique.
  static Result<SafetensorsWriter> create(const std::string &path,
                                          std::vector<TensorInfo> tensors);

  /// Appends the data of the next tensor.
  Status write(const void *data);
  /// The file appears at its path; all tensors have been written.
  Status commit() { return file.commit(); }

  uint64_t size() const { return file.size(); }
  uint32_t checksum() const { return file.checksum(); }

private:
  SafetensorsWriter(OutputFile file, std::vector<TensorInfo> tensors)
      : file(std::move(file)), tensors(std::move(tensors)) {}

  OutputFile file;
  std::vector<TensorInfo> tensors;
  size_t next = 0;
};

/// Writes tensors to a file that appears at `path` once it is complete. Names
/// are unique.
Status writeSafetensors(const std::string &path,
                        const std::vector<TensorView> &tensors);

} // namespace pi_runtime

#endif // PI_RUNTIME_SAFETENSORS_H
