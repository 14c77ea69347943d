//===- BatchQueue.h - Prepares batches beside the training ------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_BATCHQUEUE_H
#define PI_TRAINING_BATCHQUEUE_H

#include "pi/Training/TokenData.h"

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace pi_training {

/// Gives the batches of a TokenBatches, of which a thread prepares the next
/// while one is in use: reading a page of a large shard may take longer than a
/// step on a GPU.
class BatchQueue {
public:
  /// A batch, and the state of the batches that follow it.
  struct Slot {
    std::vector<int32_t> inputs;
    std::vector<int32_t> targets;
    BatchState next;
  };

  explicit BatchQueue(TokenBatches batches);
  BatchQueue(const BatchQueue &) = delete;
  BatchQueue &operator=(const BatchQueue &) = delete;
  ~BatchQueue();

  /// The next batch, valid until the next call.
  Result<const Slot *> next();

private:
  void prepare();
  void prepareNext(std::unique_lock<std::mutex> &lock);

  TokenBatches batches;
  std::array<Slot, 2> slots;
  std::mutex mutex;
  std::condition_variable changed;
  /// Batches that were prepared and that were handed out; the slot of number n
  /// is n % 2. Guarded by the mutex, as is what follows.
  uint64_t prepared = 0, taken = 0;
  Status failure = Status::success();
  bool isStopping = false;
  std::thread thread;
};

} // namespace pi_training

#endif // PI_TRAINING_BATCHQUEUE_H
