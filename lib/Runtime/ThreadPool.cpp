//===- ThreadPool.cpp - The runtime's threads -----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include "pi/Runtime/HostSupport.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sched.h>
#include <thread>

namespace pi_runtime {

static constexpr int maxThreads = 1024;

static thread_local bool isInsideBody = false;

/// Tells the processor that this is a waiting loop.
static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

static int availableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::clamp(CPU_COUNT(&set), 1, maxThreads);
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1,
                    maxThreads);
}

Result<int> configuredThreadCount() {
  const char *text = std::getenv("PI_NUM_THREADS");
  if (!text || !*text)
    return availableProcessors();
  char *end = nullptr;
  long count = std::strtol(text, &end, 10);
  if (*end || count < 1 || count > maxThreads)
    return invalidArgument(
        std::string("the environment's PI_NUM_THREADS is '") + text +
        "'; expected a number from 1 to " + std::to_string(maxThreads));
  return static_cast<int>(count);
}

static std::atomic<ThreadPool *> globalPool{nullptr};
static std::mutex creation;

/// The child of a fork has the pool but not its threads.
static void forgetPoolInChildren() {
  static int registered =
      pthread_atfork(nullptr, nullptr, [] { globalPool = nullptr; });
  (void)registered;
}

Result<int> ThreadPool::start() {
  Result<int> count = configuredThreadCount();
  if (!count)
    return count.status();
  std::lock_guard<std::mutex> lock(creation);
  if (!globalPool) {
    auto *pool = new ThreadPool(*count);
    int started = pool->threadCount();
    if (started < *count) {
      delete pool;
      return unavailable("only " + std::to_string(started) + " of " +
                         std::to_string(*count) +
                         " threads can be started; the environment's "
                         "PI_NUM_THREADS sets their number");
    }
    forgetPoolInChildren();
    globalPool = pool;
  }
  return globalPool.load()->threadCount();
}

ThreadPool &ThreadPool::global() {
  if (ThreadPool *pool = globalPool.load(std::memory_order_acquire))
    return *pool;
  std::lock_guard<std::mutex> lock(creation);
  if (!globalPool) {
    forgetPoolInChildren();
    Result<int> count = configuredThreadCount();
    globalPool = new ThreadPool(count ? *count : availableProcessors());
  }
  return *globalPool;
}

/// std::thread would throw where a limit on memory or processes forbids another
/// thread.
bool ThreadPool::startWorker() {
  pthread_t thread;
  auto body = [](void *pool) -> void * {
    static_cast<ThreadPool *>(pool)->workerLoop();
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, body, this) != 0)
    return false;
  workers.push_back(thread);
  return true;
}

ThreadPool::ThreadPool(int threads) {
  workers.reserve(static_cast<size_t>(threads));
  while (threadCount() < threads && startWorker()) {
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    current = nullptr;
    published.fetch_add(1, std::memory_order_release);
  }
  wake.notify_all();
  for (pthread_t worker : workers)
    pthread_join(worker, nullptr);
}

bool ThreadPool::insideBody() { return isInsideBody; }

/// Takes pieces until none is left.
void ThreadPool::Job::work() {
  isInsideBody = true;
  for (;;) {
    int64_t piece = next.fetch_add(1, std::memory_order_relaxed);
    if (piece >= pieces)
      break;
    // The first n % pieces ranges are one longer.
    int64_t size = n / pieces, longer = n % pieces;
    int64_t begin = piece * size + std::min(piece, longer);
    body(begin, begin + size + (piece < longer), context);
    finished.fetch_add(1, std::memory_order_release);
  }
  isInsideBody = false;
}

void ThreadPool::workerLoop() {
  constexpr auto patience = std::chrono::microseconds(50);
  uint64_t seen = 0;
  for (;;) {
    auto deadline = std::chrono::steady_clock::now() + patience;
    while (published.load(std::memory_order_acquire) == seen &&
           std::chrono::steady_clock::now() < deadline)
      relax();
    std::shared_ptr<Job> job;
    {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [&] { return published.load() != seen; });
      seen = published.load();
      job = current;
    }
    if (!job)
      return;
    job->work();
  }
}

void ThreadPool::run(int64_t n, int64_t pieces, Body body, void *context) {
  if (n <= 0)
    return;
  pieces = std::min(n, pieces);
  if (pieces <= 1 || workers.empty() || isInsideBody) {
    body(0, n, context);
    return;
  }
  auto job = std::make_shared<Job>();
  job->body = body;
  job->context = context;
  job->n = n;
  job->pieces = pieces;
  {
    std::lock_guard<std::mutex> lock(mutex);
    current = job;
    published.fetch_add(1, std::memory_order_release);
  }
  wake.notify_all();
  // The caller finishes what no worker takes, so that it waits only for ranges
  // that are being worked on, whatever other callers do.
  job->work();
  for (int spins = 0; job->finished.load(std::memory_order_acquire) < pieces;
       ++spins) {
    if (spins < 4096)
      relax();
    else
      std::this_thread::yield();
  }
}

} // namespace pi_runtime

void pi_rt_parallel_for(int64_t n,
                        void (*body)(int64_t begin, int64_t end, void *context),
                        void *context) {
  using pi_runtime::ThreadPool;
  ThreadPool &pool = ThreadPool::global();
  // More ranges than threads, for ranges whose work differs.
  constexpr int64_t piecesPerThread = 4;
  pool.run(n, pool.threadCount() * piecesPerThread, body, context);
}
