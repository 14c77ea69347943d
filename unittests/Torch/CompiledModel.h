//===- CompiledModel.h - Compiles MLIR text and runs it --------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TORCH_COMPILEDMODEL_H
#define PI_UNITTESTS_TORCH_COMPILEDMODEL_H

#include "TorchReference.h"

#include "pi/Runtime/HostCode.h"

#include <memory>

namespace pi_torch {

/// Runs a program of the build with these arguments, through a shell, in a
/// scratch directory that outlives the call; fails the test with its output if
/// its exit status is not 0. Gives what it printed.
std::string runTool(const std::string &commandLine);

/// Writes `text` to a file of this name in the scratch directory; its path.
std::string writeScratchFile(const std::string &name, const std::string &text);

/// A module, compiled for the host by pi-compile and loaded from the artefact.
class CompiledModel {
public:
  /// Compiles the module in `mlirFile`; `options` go to pi-compile.
  CompiledModel(const std::string &mlirFile, const std::string &options = "");

  const pi_runtime::Manifest &manifest() const { return artifact.manifest(); }

  /// Gives a parameter its value. Those that stay without one are computed by
  /// their initialisers.
  void setParameter(const std::string &name, const Tensor &value);

  /// The present value of a parameter that was set or initialised, and of a
  /// state.
  Tensor parameter(const std::string &name) const;
  Tensor state(const std::string &name) const;

  /// Runs the initialisers of parameters that were not set, in order.
  void initializeParameters();

  /// Adds `step` to one element of a parameter in f64 that was set.
  void nudgeParameter(const std::string &name, size_t element, double step);

  /// Runs an entry point; states start at zero and are kept between calls.
  /// Integer inputs are given and outputs returned as numbers in a Tensor.
  std::map<std::string, Tensor>
  run(const std::string &entryPoint,
      const std::map<std::string, Tensor> &inputs);

  /// The same with outputs in full f64, flat.
  std::map<std::string, std::vector<double>>
  runInF64(const std::string &entryPoint,
           const std::map<std::string, Tensor> &inputs);

private:
  /// Memory of a tensor, aligned as host code expects.
  struct Buffer {
    explicit Buffer(const pi_runtime::TensorInfo &info);
    void write(const Tensor &value);
    Tensor read() const;
    std::vector<double> readInF64() const;

    pi_runtime::TensorInfo info;
    std::unique_ptr<void, void (*)(void *)> memory;
  };

  std::vector<Buffer> runToBuffers(const std::string &entryPoint,
                                   const std::map<std::string, Tensor> &inputs);
  void call(const std::string &symbol, const std::vector<void *> &arguments);

  pi_runtime::Artifact artifact;
  pi_runtime::HostCode code;
  std::map<std::string, Buffer> states;
  std::map<std::string, Buffer> parameters;
};

} // namespace pi_torch

#endif // PI_UNITTESTS_TORCH_COMPILEDMODEL_H
