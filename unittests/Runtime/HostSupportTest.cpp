//===- HostSupportTest.cpp - Tests of what host code calls ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"

#include "pi/Runtime/HostSupport.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

//===----------------------------------------------------------------------===//
// pi_rt_sgemm
//===----------------------------------------------------------------------===//

namespace {
struct GemmCase {
  int64_t m, n, k;
  bool transA, transB;
  float alpha, beta;
};

/// A stored matrix with rows longer than needed, to test leading dimensions.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, float fill)
      : leading(columns + 3), data(rows * leading, fill) {}
  float &at(int64_t row, int64_t column) {
    return data[row * leading + column];
  }

  int64_t leading;
  std::vector<float> data;
};

Matrix makeOperand(int64_t rows, int64_t columns, bool transposed, int seed) {
  Matrix matrix(transposed ? columns : rows, transposed ? rows : columns,
                std::numeric_limits<float>::quiet_NaN());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      (transposed ? matrix.at(j, i) : matrix.at(i, j)) =
          static_cast<float>((i * 31 + j * 17 + seed) % 64 - 32) / 32;
  return matrix;
}
} // namespace

class SgemmTest : public testing::TestWithParam<GemmCase> {};

TEST_P(SgemmTest, EqualsTheDefinition) {
  const auto &[m, n, k, transA, transB, alpha, beta] = GetParam();
  Matrix a = makeOperand(m, k, transA, 1), b = makeOperand(k, n, transB, 2);
  // With beta 0, C may hold anything.
  float start = beta == 0 ? std::numeric_limits<float>::quiet_NaN() : 0.5f;
  Matrix c(m, n, start), original = c;
  pi_rt_sgemm(transA, transB, m, n, k, alpha, a.data.data(), a.leading,
              b.data.data(), b.leading, beta, c.data.data(), c.leading);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum += static_cast<double>(transA ? a.at(p, i) : a.at(i, p)) *
               (transB ? b.at(j, p) : b.at(p, j));
      double expected = alpha * sum + (beta == 0 ? 0 : beta * start);
      ASSERT_NEAR(c.at(i, j), expected, 1e-6 * static_cast<double>(k) + 1e-6)
          << i << ", " << j;
    }
    for (int64_t j = n; j < c.leading; ++j) { // What is beside C stays.
      float before = original.at(i, j), after = c.at(i, j);
      ASSERT_TRUE(before == after || (std::isnan(before) && std::isnan(after)));
    }
  }
}

static std::vector<GemmCase> gemmCases() {
  std::vector<GemmCase> cases;
  // One row, small, ragged, and large enough for several threads along either
  // side of C.
  std::vector<std::array<int64_t, 3>> sizes = {
      {1, 1, 1},    {1, 300, 40},  {1, 1000, 300}, {7, 5, 3},    {5, 1, 9},
      {130, 70, 1}, {33, 257, 65}, {257, 33, 65},  {64, 900, 20}};
  for (auto [m, n, k] : sizes)
    for (int flags = 0; flags < 4; ++flags)
      for (auto [alpha, beta] : {std::pair{1.0f, 0.0f}, std::pair{0.5f, 2.0f},
                                 std::pair{2.0f, 1.0f}})
        cases.push_back(
            {m, n, k, (flags & 1) != 0, (flags & 2) != 0, alpha, beta});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Sizes, SgemmTest, testing::ValuesIn(gemmCases()));

TEST(SgemmInParallelTest, BodiesMayMultiply) {
  // Each body multiplies an identity by its own matrix.
  constexpr int64_t count = 8, size = 100;
  struct Context {
    std::vector<float> identity, input, output;
  } context;
  context.identity.assign(size * size, 0.0f);
  for (int64_t i = 0; i < size; ++i)
    context.identity[i * size + i] = 1;
  context.input.resize(count * size * size);
  std::iota(context.input.begin(), context.input.end(), 0.0f);
  context.output.resize(context.input.size());
  pi_rt_parallel_for(
      count,
      [](int64_t begin, int64_t end, void *pointer) {
        auto &c = *static_cast<Context *>(pointer);
        for (int64_t i = begin; i < end; ++i)
          pi_rt_sgemm(0, 0, size, size, size, 1, c.identity.data(), size,
                      c.input.data() + i * size * size, size, 0,
                      c.output.data() + i * size * size, size);
      },
      &context);
  EXPECT_EQ(context.input, context.output);
}

//===----------------------------------------------------------------------===//
// pi_rt_alloc
//===----------------------------------------------------------------------===//

TEST(HostMemoryTest, BlocksAreAlignedWritableAndDistinct) {
  std::vector<std::pair<unsigned char *, int64_t>> blocks;
  for (int64_t size : {0, 1, 63, 64, 65, 1000, 1 << 20, 9 << 20}) {
    auto *block = static_cast<unsigned char *>(pi_rt_alloc(size));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
    for (int64_t i = 0; i < size; ++i)
      block[i] = static_cast<unsigned char>(blocks.size());
    blocks.emplace_back(block, size);
  }
  for (size_t number = 0; number < blocks.size(); ++number) {
    auto [block, size] = blocks[number];
    for (int64_t i = 0; i < size; ++i)
      ASSERT_EQ(block[i], number);
    pi_rt_free(block);
  }
  pi_rt_free(nullptr);
}

TEST(HostMemoryTest, FreedBlocksAreUsedAgain) {
  for (int64_t size : {100, 100000, 10000000}) {
    void *first = pi_rt_alloc(size);
    pi_rt_free(first);
    void *second = pi_rt_alloc(size);
    EXPECT_EQ(first, second);
    void *third = pi_rt_alloc(size);
    EXPECT_NE(second, third);
    pi_rt_free(second);
    pi_rt_free(third);
  }
}

TEST(HostMemoryDeathTest, ImpossibleSizesEndWithAMessage) {
  // Other tests have started threads, which a plain fork loses.
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(pi_rt_alloc(-1), "no memory for -1 bytes");
  EXPECT_DEATH(pi_rt_alloc(INT64_MAX), "no memory for 9223372036854775807");
  EXPECT_DEATH(pi_rt_alloc(int64_t(1) << 46), "no memory for 70368744177664");
}

//===----------------------------------------------------------------------===//
// pi_rt_parallel_for
//===----------------------------------------------------------------------===//

/// Counts how often each index of [0, n) is visited.
static std::vector<int> visits(int64_t n) {
  std::vector<std::atomic<int>> counts(static_cast<size_t>(n));
  pi_rt_parallel_for(
      n,
      [](int64_t begin, int64_t end, void *context) {
        EXPECT_LT(begin, end);
        for (int64_t i = begin; i < end; ++i)
          ++(*static_cast<std::vector<std::atomic<int>> *>(context))[i];
      },
      &counts);
  return {counts.begin(), counts.end()};
}

TEST(ParallelForTest, VisitsEachIndexOnce) {
  for (int64_t n : {1, 2, 3, 7, 8, 9, 1000, 100003})
    EXPECT_EQ(visits(n), std::vector<int>(static_cast<size_t>(n), 1)) << n;
}

TEST(ParallelForTest, EmptyRangesCallNothing) {
  for (int64_t n : {int64_t(0), int64_t(-1), INT64_MIN})
    pi_rt_parallel_for(
        n, [](int64_t, int64_t, void *) { FAIL() << "called"; }, nullptr);
}

TEST(ParallelForTest, InnerRangesRun) {
  std::atomic<int> count{0};
  pi_rt_parallel_for(
      10,
      [](int64_t begin, int64_t end, void *context) {
        for (int64_t i = begin; i < end; ++i)
          pi_rt_parallel_for(
              7,
              [](int64_t begin, int64_t end, void *context) {
                *static_cast<std::atomic<int> *>(context) +=
                    static_cast<int>(end - begin);
              },
              context);
      },
      &count);
  EXPECT_EQ(count, 70);
}

TEST(ParallelForTest, ManyShortCallsFromSeveralThreads) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i)
        wrong += visits(17) != std::vector<int>(17, 1);
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ParallelForTest, WorksInAForkedChild) {
  visits(100); // The pool exists in the parent.
  pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20); // A child that waits for lost threads ends by a signal.
    ::_exit(visits(100) == std::vector<int>(100, 1) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(ParallelForTest, GoesOnWithTheThreadsThatStart) {
  pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::setenv("PI_NUM_THREADS", "1024", 1);
    pi_runtime::limitMemory(64 << 20); // A stack takes 8 MiB.
    for (int round = 0; round < 3; ++round)
      if (visits(10000) != std::vector<int>(10000, 1))
        ::_exit(1);
    auto tasks = std::filesystem::directory_iterator("/proc/self/task");
    ::_exit(std::distance(begin(tasks), end(tasks)) < 1024 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
