//===- WriteTinyModel.cpp - Writes the test model -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// pi-write-tiny-model DIR writes DIR/model.pi, DIR/model.safetensors and
// DIR/gpu.pi, a model for a GPU, for tests of programs that run models.
//
//===----------------------------------------------------------------------===//

#include "TinyModel.h"

#include <cstdio>

using namespace pi_runtime;

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: pi-write-tiny-model DIR\n");
    return 1;
  }
  std::string directory = argv[1];
  TinyModel model;
  Status status = model.writeModel(directory + "/model.pi");
  if (status)
    status = model.writeModel(directory + "/gpu.pi", model.gpuManifest());
  if (status)
    status = model.writeCheckpoint(directory + "/model.safetensors");
  if (!status)
    std::fprintf(stderr, "error: %s\n", status.message().c_str());
  return status ? 0 : 1;
}
