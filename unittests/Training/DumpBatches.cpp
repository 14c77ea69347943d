//===- DumpBatches.cpp - Writes batches of token shards -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// pi-dump-batches FOLDER SPLIT BATCH LENGTH SEED COUNT [EPOCH POSITION WINDOWS]
// writes the inputs and targets of COUNT batches to standard output as int32,
// and the state that follows to standard error.
//
//===----------------------------------------------------------------------===//

#include "pi/Training/TokenData.h"

#include <cstdio>
#include <cstdlib>

using namespace pi_training;

static uint64_t number(const char *text) {
  return std::strtoull(text, nullptr, 10);
}

static Status dump(int argc, char **argv) {
  if (argc != 7 && argc != 10)
    return pi_runtime::invalidArgument("wrong number of arguments");
  Result<std::shared_ptr<const TokenDataset>> dataset =
      TokenDataset::open(argv[1]);
  if (!dataset)
    return dataset.status();
  if (Status status = (*dataset)->verify(); !status)
    return status;
  Split split = argv[2][0] == 't' ? Split::Train : Split::Validation;
  auto batch = static_cast<int64_t>(number(argv[3]));
  auto length = static_cast<int64_t>(number(argv[4]));
  Result<TokenBatches> batches =
      TokenBatches::create(*dataset, split, batch, length, number(argv[5]));
  if (!batches)
    return batches.status();
  if (argc == 10)
    if (Status status = batches->restore({number(argv[5]), number(argv[7]),
                                          number(argv[8]), number(argv[9])});
        !status)
      return status;
  std::vector<int32_t> inputs(static_cast<size_t>(batch * length)),
      targets(inputs.size());
  for (uint64_t i = 0; i < number(argv[6]); ++i) {
    if (Status status = batches->next(inputs.data(), targets.data()); !status)
      return status;
    std::fwrite(inputs.data(), sizeof(int32_t), inputs.size(), stdout);
    std::fwrite(targets.data(), sizeof(int32_t), targets.size(), stdout);
  }
  const BatchState &state = batches->state();
  std::fprintf(stderr, "%llu %llu %llu %llu\n",
               static_cast<unsigned long long>(state.seed),
               static_cast<unsigned long long>(state.epoch),
               static_cast<unsigned long long>(state.position),
               static_cast<unsigned long long>(state.windows));
  return Status::success();
}

int main(int argc, char **argv) {
  Status status = dump(argc, argv);
  if (!status)
    std::fprintf(stderr, "pi-dump-batches: error: %s\n",
                 status.message().c_str());
  return status ? 0 : 1;
}
