//===- CompiledModel.cpp - Compiles MLIR text and runs it ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompiledModel.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

using namespace pi_torch;
using pi_runtime::DataType;
using pi_runtime::EntryArgument;

namespace {

/// A directory that is removed when the test program ends.
class ScratchDirectory {
public:
  ScratchDirectory() {
    std::string name =
        (std::filesystem::temp_directory_path() / "pi-torch-XXXXXX").string();
    if (!mkdtemp(name.data()))
      throw std::runtime_error("no scratch directory " + name);
    path = name;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::filesystem::path path;
};

const std::filesystem::path &scratchDirectory() {
  static ScratchDirectory directory;
  return directory.path;
}

/// The value of a result, or an exception with its error.
template <typename T>
T take(pi_runtime::Result<T> result) {
  if (!result)
    throw std::runtime_error(result.status().message());
  return std::move(*result);
}

/// Compiles to an artefact and gives its path.
std::string compile(const std::string &mlirFile, const std::string &options) {
  static int count = 0;
  std::string output =
      (scratchDirectory() / ("model-" + std::to_string(count++) + ".pi"))
          .string();
  runTool("pi-compile " + mlirFile + " --target=cpu " + options + " -o " +
          output);
  return output;
}

} // namespace

std::string pi_torch::runTool(const std::string &commandLine) {
  std::string command = "cd " + scratchDirectory().string() + " && " +
                        PI_TOOLS_DIRECTORY "/" + commandLine + " 2>&1";
  std::unique_ptr<FILE, int (*)(FILE *)> pipe(popen(command.c_str(), "r"),
                                              pclose);
  std::string output;
  std::array<char, 4096> buffer;
  while (size_t size = fread(buffer.data(), 1, buffer.size(), pipe.get()))
    output.append(buffer.data(), size);
  if (pclose(pipe.release()) != 0)
    throw std::runtime_error(commandLine + " failed:\n" + output);
  return output;
}

std::string pi_torch::writeScratchFile(const std::string &name,
                                       const std::string &text) {
  std::filesystem::path path = scratchDirectory() / name;
  std::ofstream(path) << text;
  return path.string();
}

CompiledModel::Buffer::Buffer(const pi_runtime::TensorInfo &info)
    : info(info), memory(nullptr, std::free) {
  size_t size = (info.byteSize() + 63) / 64 * 64;
  memory.reset(std::aligned_alloc(64, size));
  std::memset(memory.get(), 0, size);
}

void CompiledModel::Buffer::write(const Tensor &value) {
  if (value.shape != info.shape)
    throw std::invalid_argument(info.name + " is " +
                                pi_runtime::shapeText(info.shape) + ", not " +
                                pi_runtime::shapeText(value.shape));
  if (info.dtype == DataType::I32)
    std::copy(value.data.begin(), value.data.end(),
              static_cast<int32_t *>(memory.get()));
  else if (info.dtype == DataType::F32)
    std::copy(value.data.begin(), value.data.end(),
              static_cast<float *>(memory.get()));
  else if (info.dtype == DataType::F64)
    std::copy(value.data.begin(), value.data.end(),
              static_cast<double *>(memory.get()));
  else
    throw std::invalid_argument(info.name + " is none of f32, f64 and i32");
}

std::vector<double> CompiledModel::Buffer::readInF64() const {
  std::vector<double> values(info.elementCount());
  if (info.dtype == DataType::I32)
    std::copy_n(static_cast<int32_t *>(memory.get()), values.size(),
                values.begin());
  else if (info.dtype == DataType::F64)
    std::copy_n(static_cast<double *>(memory.get()), values.size(),
                values.begin());
  else
    std::copy_n(static_cast<float *>(memory.get()), values.size(),
                values.begin());
  return values;
}

Tensor CompiledModel::Buffer::read() const {
  std::vector<double> values = readInF64();
  return {info.shape, {values.begin(), values.end()}};
}

CompiledModel::CompiledModel(const std::string &mlirFile,
                             const std::string &options)
    : artifact(take(pi_runtime::Artifact::open(compile(mlirFile, options)))),
      code(take(pi_runtime::HostCode::load(artifact))) {
  for (const pi_runtime::TensorInfo &state : manifest().states)
    states.emplace(state.name, Buffer(state));
}

void CompiledModel::setParameter(const std::string &name, const Tensor &value) {
  std::optional<size_t> index = manifest().findParameter(name);
  if (!index)
    throw std::out_of_range("the artefact has no parameter " + name);
  Buffer buffer(manifest().parameters[*index]);
  buffer.write(value);
  parameters.insert_or_assign(name, std::move(buffer));
}

Tensor CompiledModel::parameter(const std::string &name) const {
  return parameters.at(name).read();
}

Tensor CompiledModel::state(const std::string &name) const {
  return states.at(name).read();
}

void CompiledModel::initializeParameters() {
  for (const pi_runtime::Initializer &initializer : manifest().initializers) {
    const std::string &name = initializer.parameter;
    if (parameters.count(name))
      continue;
    Buffer result(manifest().parameters[*manifest().findParameter(name)]);
    std::vector<void *> arguments;
    for (const std::string &source : initializer.sources)
      arguments.push_back(parameters.at(source).memory.get());
    arguments.push_back(result.memory.get());
    call(initializer.symbol, arguments);
    setParameter(name, result.read());
  }
}

void CompiledModel::call(const std::string &symbol,
                         const std::vector<void *> &arguments) {
  pi_runtime::HostFunction function = take(code.function(symbol));
  if (int32_t status = function(arguments.data()))
    throw std::runtime_error(symbol + " returned " + std::to_string(status));
}

void CompiledModel::nudgeParameter(const std::string &name, size_t element,
                                   double step) {
  const Buffer &buffer = parameters.at(name);
  if (buffer.info.dtype != DataType::F64)
    throw std::invalid_argument(name + " is not f64");
  static_cast<double *>(buffer.memory.get())[element] += step;
}

std::map<std::string, Tensor>
CompiledModel::run(const std::string &entryPoint,
                   const std::map<std::string, Tensor> &inputs) {
  std::map<std::string, Tensor> outputs;
  for (const Buffer &buffer : runToBuffers(entryPoint, inputs))
    outputs.emplace(buffer.info.name, buffer.read());
  return outputs;
}

std::map<std::string, std::vector<double>>
CompiledModel::runInF64(const std::string &entryPoint,
                        const std::map<std::string, Tensor> &inputs) {
  std::map<std::string, std::vector<double>> outputs;
  for (const Buffer &buffer : runToBuffers(entryPoint, inputs))
    outputs.emplace(buffer.info.name, buffer.readInF64());
  return outputs;
}

std::vector<CompiledModel::Buffer>
CompiledModel::runToBuffers(const std::string &entryPoint,
                            const std::map<std::string, Tensor> &inputs) {
  const pi_runtime::EntryPoint *entry = manifest().findEntryPoint(entryPoint);
  if (!entry)
    throw std::out_of_range("the artefact has no entry point " + entryPoint);
  std::vector<Buffer> inputBuffers, outputBuffers;
  for (const pi_runtime::TensorInfo &input : entry->inputs) {
    inputBuffers.emplace_back(input);
    inputBuffers.back().write(inputs.at(input.name));
  }
  for (const pi_runtime::TensorInfo &output : entry->outputs)
    outputBuffers.emplace_back(output);

  std::vector<void *> arguments;
  for (const EntryArgument &argument : entry->arguments) {
    switch (argument.kind) {
    case EntryArgument::Kind::Input:
      arguments.push_back(inputBuffers[argument.index].memory.get());
      break;
    case EntryArgument::Kind::Output:
      arguments.push_back(outputBuffers[argument.index].memory.get());
      break;
    case EntryArgument::Kind::Parameter:
      arguments.push_back(parameters.at(argument.name).memory.get());
      break;
    case EntryArgument::Kind::State:
      arguments.push_back(states.at(argument.name).memory.get());
      break;
    }
  }
  call(entry->symbol, arguments);
  return outputBuffers;
}
