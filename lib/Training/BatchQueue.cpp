//===- BatchQueue.cpp - Prepares batches beside the training --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/BatchQueue.h"

#include <system_error>

namespace pi_training {

BatchQueue::BatchQueue(TokenBatches source) : batches(std::move(source)) {
  auto count = static_cast<size_t>(batches.batch() * batches.length());
  for (Slot &slot : slots) {
    slot.inputs.resize(count);
    slot.targets.resize(count);
  }
  try {
    thread = std::thread([this] { prepare(); });
  } catch (const std::system_error &) {
    // The system gives no more threads: batches are prepared when asked for.
  }
}

BatchQueue::~BatchQueue() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    isStopping = true;
  }
  changed.notify_all();
  if (thread.joinable())
    thread.join();
}

/// Prepares one more batch, into the slot that is not in use.
void BatchQueue::prepareNext(std::unique_lock<std::mutex> &lock) {
  Slot &slot = slots[prepared % 2];
  lock.unlock();
  Status status = batches.next(slot.inputs.data(), slot.targets.data());
  slot.next = batches.state();
  lock.lock();
  if (status)
    ++prepared;
  else
    failure = std::move(status);
  changed.notify_all();
}

void BatchQueue::prepare() {
  std::unique_lock<std::mutex> lock(mutex);
  while (!isStopping && failure) {
    // The slot handed out last is in use until the next one is taken.
    if (prepared > taken)
      changed.wait(lock);
    else
      prepareNext(lock);
  }
}

Result<const BatchQueue::Slot *> BatchQueue::next() {
  std::unique_lock<std::mutex> lock(mutex);
  if (!thread.joinable() && failure)
    prepareNext(lock);
  changed.wait(lock, [&] { return prepared > taken || !failure; });
  if (prepared == taken)
    return failure;
  const Slot *slot = &slots[taken % 2];
  ++taken;
  changed.notify_all();
  return slot;
}

} // namespace pi_training
