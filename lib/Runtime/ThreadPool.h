//===- ThreadPool.h - The runtime's threads ---------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_THREADPOOL_H
#define PI_LIB_RUNTIME_THREADPOOL_H

#include "pi/Runtime/Status.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <vector>

namespace pi_runtime {

/// The number of threads to use: the environment's PI_NUM_THREADS, which is an
/// error if it is no number from 1 to 1024, or the processors that this
/// process may run on.
Result<int> configuredThreadCount();

/// Threads that wait for ranges to work on. They spin for a moment before they
/// sleep, because a model's operations follow each other within microseconds.
class ThreadPool {
public:
  using Body = void (*)(int64_t begin, int64_t end, void *context);

  /// Makes the pool of this process if there is none, and gives its number of
  /// threads. That not all of them start is an error, after which there is no
  /// pool: sums depend on the number of threads, so that fewer give other bits.
  static Result<int> start();

  /// The pool of this process, made on first use with the threads that start,
  /// never destroyed (they end with the process), and made anew in a forked
  /// child.
  static ThreadPool &global();

  /// With the caller's.
  int threadCount() const { return static_cast<int>(workers.size()) + 1; }

  /// Splits [0, n) into at most `pieces` ranges of equal size and calls `body`
  /// on each, on the calling thread and the workers. Runs `body(0, n)` alone
  /// if called from a body.
  void run(int64_t n, int64_t pieces, Body body, void *context);

  /// Whether the calling thread is inside a body.
  static bool insideBody();

private:
  explicit ThreadPool(int threads);
  ~ThreadPool();

  struct Job {
    Body body;
    void *context;
    int64_t n;
    int64_t pieces;
    std::atomic<int64_t> next{0};
    std::atomic<int64_t> finished{0};

    void work();
  };

  bool startWorker();
  void workerLoop();

  std::vector<pthread_t> workers;
  std::mutex mutex;
  std::condition_variable wake;
  std::shared_ptr<Job> current; // Guarded by `mutex`; null to end the threads.
  std::atomic<uint64_t> published{0};
};

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_THREADPOOL_H
