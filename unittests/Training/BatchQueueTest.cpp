//===- BatchQueueTest.cpp - Tests of batches prepared beside --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TokenFolder.h"

#include "pi/Training/BatchQueue.h"

#include <algorithm>
#include <sys/wait.h>

using namespace pi_training;
using pi_runtime::ErrorKind;
using pi_runtime::failsWith;
using pi_runtime::succeeds;

TEST(BatchQueue, GivesTheSameBatchesAndStates) {
  TokenFolder folder;
  folder.add("train", countTo(200));
  auto dataset = folder.open();
  ASSERT_TRUE(succeeds(dataset.status()));
  auto batches = TokenBatches::create(*dataset, Split::Train, 3, 4, 5);
  ASSERT_TRUE(succeeds(batches.status()));
  BatchQueue queue(*batches);
  for (int batch = 0; batch < 100; ++batch) {
    int32_t inputs[12], targets[12];
    ASSERT_TRUE(succeeds(batches->next(inputs, targets)));
    auto slot = queue.next();
    ASSERT_TRUE(succeeds(slot.status()));
    EXPECT_TRUE(std::equal(inputs, inputs + 12, (*slot)->inputs.begin()));
    EXPECT_TRUE(std::equal(targets, targets + 12, (*slot)->targets.begin()));
    EXPECT_EQ((*slot)->next.epoch, batches->state().epoch);
    EXPECT_EQ((*slot)->next.position, batches->state().position);
  }
}

TEST(BatchQueue, ErrorsComeInTheirPlace) {
  TokenFolder folder;
  std::vector<uint16_t> tokens = countTo(40);
  tokens[21] = 300;
  folder.add("train", tokens);
  auto dataset = folder.open();
  ASSERT_TRUE(succeeds(dataset.status()));
  auto batches = TokenBatches::create(*dataset, Split::Train, 1, 4, 5);
  BatchQueue queue(*batches);
  int32_t inputs[4], targets[4];
  while (batches->next(inputs, targets))
    EXPECT_TRUE(succeeds(queue.next().status()));
  for (int again = 0; again < 2; ++again)
    EXPECT_TRUE(failsWith(queue.next().status(), ErrorKind::InvalidFile,
                          "token 300 is not in the vocabulary"));
}

TEST(BatchQueue, EndsAtAnyMoment) {
  TokenFolder folder;
  folder.add("train", countTo(200));
  auto dataset = folder.open();
  auto batches = TokenBatches::create(*dataset, Split::Train, 2, 8, 5);
  for (int taken = 0; taken < 50; ++taken) {
    BatchQueue queue(*batches);
    for (int batch = 0; batch < taken % 3; ++batch)
      ASSERT_TRUE(succeeds(queue.next().status()));
  }
}

TEST(BatchQueue, NeedsNoThread) {
  TokenFolder folder;
  folder.add("train", countTo(200));
  auto dataset = folder.open();
  ASSERT_TRUE(succeeds(dataset.status()));
  auto batches = TokenBatches::create(*dataset, Split::Train, 3, 4, 5);
  pid_t child = ::fork();
  if (child == 0) {
    pi_runtime::limitMemory(1 << 20); // A thread's stack takes more.
    bool areEqual = true;
    BatchQueue queue(*batches);
    for (int batch = 0; batch < 10; ++batch) {
      int32_t inputs[12], targets[12];
      auto slot = queue.next();
      areEqual &= batches->next(inputs, targets).ok() && slot.ok() &&
                  std::equal(inputs, inputs + 12, (*slot)->inputs.begin());
    }
    ::_exit(areEqual ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}
