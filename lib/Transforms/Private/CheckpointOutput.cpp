//===- CheckpointOutput.cpp - The checkpoint of a rewritten model ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointOutput.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;
using pi_runtime::Status;
using pi_runtime::TensorView;

static constexpr StringLiteral kWeightsFile = "model.safetensors";
static constexpr StringLiteral kCompanions[] = {"config.json",
                                                "tokenizer.json"};

static std::string join(StringRef directory, StringRef file) {
  SmallString<128> path(directory);
  llvm::sys::path::append(path, file);
  return path.str().str();
}

std::string CheckpointOutput::pathOf(StringRef file) const {
  return join(directory, file);
}

LogicalResult CheckpointOutput::verify() {
  std::string target = pi_runtime::resolvePath(pathOf(kWeightsFile));
  for (const auto &[name, tensor] : source.tensors())
    if (pi_runtime::resolvePath(source.fileOf(tensor)) == target)
      return module.emitError("output '")
             << directory << "' is where the weights are read from; give "
             << "another directory";
  return success();
}

FailureOr<std::vector<TensorView>>
CheckpointOutput::collectTensors(const NewParameters &added) {
  std::vector<TensorView> tensors;
  for (auto parameter : module.getOps<ParameterOp>()) {
    TensorView tensor;
    std::string name = parameter.getSymName().str();
    auto shape = parameter.getTensorType().getShape().vec();
    if (auto found = added.find(name); found != added.end()) {
      if (!llvm::all_of(found->second,
                        [](float x) { return std::isfinite(x); }))
        return parameter.emitError("new parameter '")
               << name << "' would have elements that are no finite numbers "
               << "in f32";
      tensor.info.shape = shape;
      tensor.data = found->second.data();
    } else if (const TensorView *present = source.find(name)) {
      tensor = *present;
    } else if (parameter.isDerived()) {
      continue;
    } else {
      return parameter.emitError("'")
             << source.path() << "' has no parameter '" << name << "'";
    }
    if (tensor.info.shape != shape)
      return parameter.emitError("parameter '")
             << name << "' has shape "
             << pi_runtime::shapeText(tensor.info.shape) << " in '"
             << source.fileOf(tensor) << "', but "
             << pi_runtime::shapeText(shape) << " in the model";
    tensor.info.name = name;
    tensors.push_back(tensor);
  }
  return tensors;
}

/// Opens a copy of a file that is not complete yet.
static pi_runtime::Result<pi_runtime::OutputFile>
startCopy(const std::string &from, const std::string &to) {
  auto present = pi_runtime::MappedFile::open(from);
  if (!present)
    return present.status();
  auto copy = pi_runtime::OutputFile::create(to);
  if (!copy)
    return copy.status();
  if (Status status = copy->write(present->text()); !status)
    return status;
  return copy;
}

Status
CheckpointOutput::writeFiles(const std::vector<TensorView> &tensors) const {
  std::vector<pi_runtime::TensorInfo> infos;
  for (const TensorView &tensor : tensors)
    infos.push_back(tensor.info);
  auto weights =
      pi_runtime::SafetensorsWriter::create(pathOf(kWeightsFile), infos);
  if (!weights)
    return weights.status();
  for (const TensorView &tensor : tensors)
    if (Status status = weights->write(tensor.data); !status)
      return status;

  StringRef beside = source.path();
  if (!pi_runtime::isDirectory(source.path()))
    beside = llvm::sys::path::parent_path(beside);
  std::vector<pi_runtime::OutputFile> copies;
  for (StringRef name : kCompanions) {
    std::string from = join(beside, name), to = pathOf(name);
    if (!pi_runtime::fileExists(from) ||
        pi_runtime::resolvePath(from) == pi_runtime::resolvePath(to))
      continue;
    auto copy = startCopy(from, to);
    if (!copy)
      return copy.status();
    copies.push_back(std::move(*copy));
  }
  for (pi_runtime::OutputFile &copy : copies)
    if (Status status = copy.commit(); !status)
      return status;
  return weights->commit();
}

LogicalResult CheckpointOutput::write(const NewParameters &added) {
  auto tensors = collectTensors(added);
  if (failed(tensors))
    return failure();
  bool isNew = !pi_runtime::fileExists(directory.str());
  if (std::error_code error = llvm::sys::fs::create_directory(directory))
    return module.emitError("cannot make the directory '")
           << directory << "': " << error.message();
  Status status = writeFiles(*tensors);
  if (status)
    return success();
  if (isNew)
    llvm::sys::fs::remove(directory); // Does nothing unless it is empty.
  return module.emitError() << status.message();
}
