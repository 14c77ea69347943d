//===- Model.h - A compiled model that runs ---------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_MODEL_H
#define PI_RUNTIME_MODEL_H

#include "pi/Runtime/Executor.h"
#include "pi/Runtime/Sampler.h"

namespace pi_runtime {

/// An artefact on its device with its weights, and at most one generation.
/// The C interface (pi_runtime.h) describes the functions.
class Model {
public:
  static Result<std::unique_ptr<Model>> open(const std::string &path,
                                             int device);

  Status loadWeights(const std::string &path);
  /// Starts training from scratch: every parameter as its `init` says, a
  /// function of the seed and its name alone (Initialization.h). Leaves states.
  Status initializeWeights(uint64_t seed);
  /// Copies a parameter of the manifest, storageByteSize() bytes in its storage
  /// type, or a state, byteSize() bytes. Reading a parameter that has no value
  /// is an error.
  Status setParameter(size_t index, const void *data);
  Status readParameter(size_t index, void *data) const;
  Status setState(size_t index, const void *data);
  Status readState(size_t index, void *data) const;
  /// Copies the parameter, or else the state, of that name; `byteSize` has to
  /// be its size.
  Status readTensor(std::string_view name, void *data, uint64_t byteSize) const;
  Status tune();
  const Manifest &manifest() const { return artifact.manifest(); }
  /// The device, for people.
  std::string deviceName() const { return executor->deviceName(); }
  /// The JSON of pi_model_info.
  std::string describe() const;
  /// Runs any entry point. `inputs[i]` holds input i of the manifest's entry
  /// point, `outputs[i]` takes output i or is null; both dense and row-major.
  /// Tokens and positions among the inputs are checked. Ends a generation
  /// whose states the entry point has.
  Status run(std::string_view entryPoint,
             const std::vector<const void *> &inputs,
             const std::vector<void *> &outputs);
  Status forward(const int32_t *tokens, int64_t rows, int64_t length,
                 float *logits);
  Status startGeneration(const int32_t *prompt, int64_t rows, int64_t length,
                         const SamplingOptions &options);
  Status nextTokens(int32_t *tokens);

private:
  /// A generation between two tokens.
  struct Generation {
    Sampler sampler;
    int64_t rows;
    /// Positions in the key/value cache.
    int64_t position;
    /// The last token of each row of the batch, and whether the caller has it.
    std::vector<int32_t> tokens;
    bool isDelivered = false;
  };

  explicit Model(Artifact artifact) : artifact(std::move(artifact)) {}

  Result<size_t> findEntryPoint(std::string_view name) const;
  Status checkWeights(size_t entryPoint) const;
  Status checkTokens(const EntryPoint &entry, const int32_t *tokens,
                     int64_t rows, int64_t length) const;
  std::vector<int32_t> pad(const int32_t *tokens, int64_t rows,
                           int64_t length) const;
  Status clearCaches();
  Status runStep(const char *entryPoint, const std::vector<int32_t> &tokens,
                 int32_t position, Generation &generation);

  Artifact artifact;
  std::unique_ptr<Executor> executor;
  /// By parameter, and the parameters of each entry point.
  std::vector<bool> hasValue;
  std::vector<std::vector<size_t>> entryParameters;
  std::optional<Generation> generation;
  /// B x T x V or B x V logits that the caller does not read directly.
  std::vector<float> scratch;
};

} // namespace pi_runtime

#endif // PI_RUNTIME_MODEL_H
