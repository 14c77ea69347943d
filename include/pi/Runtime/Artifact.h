//===- Artifact.h - The container of a compiled model -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A `.pi` file holds a compiled model: the magic "PIMODEL\n", the format
// version (u32), the size of the manifest (u64) and its checksum (u32), the
// manifest (JSON), and then sections of code, each at a multiple of 64 bytes.
// Numbers are little-endian, checksums are CRC-32 (Checksum.h).
// The compiler writes artefacts and the runtime reads them with this code,
// which needs neither LLVM nor exceptions.
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_ARTIFACT_H
#define PI_RUNTIME_ARTIFACT_H

#include "pi/Runtime/DataType.h"
#include "pi/Runtime/File.h"

namespace pi_runtime {

/// The version of the container and of the contracts its code was compiled
/// for. A reader takes this version only.
constexpr uint32_t artifactFormatVersion = 4;

/// The sections that the targets use.
constexpr const char *hostCodeSection = "host.so";
constexpr const char *kernelSection = "kernels.cubin";

/// How a parameter starts when a model is trained from scratch.
struct ParameterInit {
  enum class Kind { Normal, Fill };
  Kind kind = Kind::Fill;
  /// Normal: the standard deviation, not negative, of a distribution around 0.
  /// Fill: every element. Either is finite in f32.
  double value = 0;
};

/// A parameter: dtype and shape are those of the checkpoint.
struct ParameterInfo : TensorInfo {
  /// f32, bf16 or f64: the type that entry points read.
  DataType storageDtype = DataType::F32;
  /// Whether an initializer computes it when the checkpoint lacks it.
  bool derived = false;
  /// Nothing for one that only a checkpoint or an initializer gives.
  std::optional<ParameterInit> init;
  /// Whether weight decay applies to it.
  bool decay = false;

  /// Bytes in the type that entry points read.
  uint64_t storageByteSize() const {
    return elementCount() * dataTypeSize(storageDtype);
  }
};

/// A host function `int32_t symbol(void *const *args)` that computes
/// `parameter` in f32. args: the sources in f32, in order, then the result.
struct Initializer {
  std::string parameter;
  std::string symbol;
  std::vector<std::string> sources;
};

/// What elements of an input may be that code uses as indices: [0, bound), or
/// `ignored`, which stands for no index. Code does not check them.
struct IndexRange {
  /// From 1 to 2^31.
  int64_t bound = 1;
  std::optional<int32_t> ignored;
};

/// An input of an entry point.
struct InputInfo : TensorInfo {
  /// Nothing if code does not index by it; else its type is i32.
  std::optional<IndexRange> indices;
};

/// What one pointer that an entry point takes refers to.
struct EntryArgument {
  enum class Kind { Input, Parameter, State, Output };
  Kind kind = Kind::Input;
  /// The input or output, as its index in the entry point.
  size_t index = 0;
  /// The parameter or state, by name.
  std::string name;
  /// Whether the entry point writes the parameter.
  bool updated = false;
};

/// A function of the model.
struct EntryPoint {
  std::string name;
  std::vector<InputInfo> inputs;
  std::vector<TensorInfo> outputs;
  /// In the order of host code's pointers. For a device: everything that the
  /// plan refers to, so that unused parameters need not be loaded.
  std::vector<EntryArgument> arguments;
  /// Host code: the function `int32_t symbol(void *const *args)`.
  std::string symbol;
  /// Device code: the JSON text of the execution plan.
  std::string plan;

  /// The index of the input or output of this name.
  std::optional<size_t> findInput(std::string_view name) const;
  std::optional<size_t> findOutput(std::string_view name) const;
};

/// Everything that an artefact says about its model.
struct Manifest {
  /// The version of the compiler, and what it compiled for: "cpu" with a
  /// processor name, or "cuda" with an architecture such as "sm_90a".
  std::string compiler;
  std::string target;
  std::string targetArch;
  /// Extensions of the instruction set that the host code may use, by LLVM's
  /// names; a processor that lacks one cannot run it.
  std::vector<std::string> hostFeatures;
  /// The model, and the sizes that it was compiled for.
  std::string modelName;
  int64_t batch = 1;
  int64_t sequenceLength = 1;
  int64_t vocabSize = 1;

  std::vector<ParameterInfo> parameters;
  /// In an order in which each finds its sources computed.
  std::vector<Initializer> initializers;
  /// Buffers that outlive a call, zero at the start: key/value caches.
  std::vector<TensorInfo> states;
  std::vector<EntryPoint> entryPoints;

  const EntryPoint *findEntryPoint(std::string_view name) const;
  std::optional<size_t> findParameter(std::string_view name) const;
  std::optional<size_t> findState(std::string_view name) const;
  /// For each parameter, whether an entry point has it, and whether one
  /// updates it.
  std::vector<bool> usedParameters() const;
  std::vector<bool> updatedParameters() const;
};

/// A section to be written: its name and bytes.
struct SectionData {
  std::string name;
  std::string_view bytes;
};

/// Checks that names are unique, references resolve and indices are in range.
Status verifyManifest(const Manifest &manifest);

/// Writes an artefact, which appears at `path` once it is complete. An
/// inconsistent manifest is an error and writes nothing.
Status writeArtifact(const std::string &path, const Manifest &manifest,
                     const std::vector<SectionData> &sections);

/// An artefact, mapped for reading, whose manifest has been verified and whose
/// sections lie inside the file and match their checksums.
class Artifact {
public:
  static Result<Artifact> open(const std::string &path);

  const std::string &path() const { return file.path(); }
  const Manifest &manifest() const { return content; }
  /// The bytes of a section, or an error that names the file and the section.
  Result<std::string_view> section(const std::string &name) const;

private:
  Artifact(MappedFile file) : file(std::move(file)) {}
  Status read();

  MappedFile file;
  Manifest content;
  std::vector<SectionData> sections;
};

} // namespace pi_runtime

#endif // PI_RUNTIME_ARTIFACT_H
