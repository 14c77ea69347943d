//===- WriteTinyTraining.cpp - Writes the model to train ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// pi-write-tiny-training DIR writes DIR/train.pi and DIR/accumulate.pi, for
// tests of pi-train.
//
//===----------------------------------------------------------------------===//

#include "TinyTraining.h"

#include <cstdio>

using namespace pi_training;
using pi_runtime::Status;

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: pi-write-tiny-training DIR\n");
    return 1;
  }
  std::string directory = argv[1];
  Status status =
      TinyTraining::write(directory + "/train.pi", TinyTraining::manifest());
  if (status)
    status = TinyTraining::write(directory + "/accumulate.pi",
                                 TinyTraining::manifest(true));
  if (!status)
    std::fprintf(stderr, "error: %s\n", status.message().c_str());
  return status ? 0 : 1;
}
