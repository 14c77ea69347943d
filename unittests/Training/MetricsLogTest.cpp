//===- MetricsLogTest.cpp - Tests of metrics.jsonl ------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"

#include "pi/Training/MetricsLog.h"

#include <cmath>

using namespace pi_training;
using pi_runtime::ErrorKind;
using pi_runtime::failsWith;
using pi_runtime::readFile;
using pi_runtime::succeeds;
using pi_runtime::TemporaryDirectory;
using pi_runtime::writeFile;

static StepMetrics makeStep(int64_t step) {
  StepMetrics metrics;
  metrics.step = step;
  metrics.loss = 0.1f;
  metrics.gradNorm = 2;
  metrics.learningRate = 0.25;
  metrics.tokens = 32 * step;
  metrics.tokensPerSecond = 1000;
  metrics.seconds = 1.5;
  return metrics;
}

TEST(MetricsLog, Lines) {
  TemporaryDirectory directory;
  std::string path = directory.path("metrics.jsonl");
  auto log = MetricsLog::open(path, 0);
  ASSERT_TRUE(succeeds(log.status()));
  EXPECT_TRUE(succeeds(log->logStep(makeStep(1))));
  EXPECT_TRUE(succeeds(log->logEvaluation(1, 0)));
  EXPECT_TRUE(succeeds(log->logEntropy(1, {{1, 2}, {0.5, NAN}})));
  StepMetrics broken = makeStep(2);
  broken.loss = NAN;
  broken.gradNorm = INFINITY;
  EXPECT_TRUE(succeeds(log->logStep(broken)));
  EXPECT_TRUE(succeeds(log->sync()));
  EXPECT_EQ(readFile(path),
            R"({"step":1,"loss":0.100000001,"grad_norm":2,"lr":0.25,)"
            R"("tokens":32,"tokens_per_second":1000,"seconds":1.5})"
            "\n"
            R"({"step":1,"cross_entropy":0,"perplexity":1})"
            "\n"
            R"({"step":1,"entropy":[[1,2],[0.5,null]]})"
            "\n"
            R"({"step":2,"loss":null,"grad_norm":null,"lr":0.25,)"
            R"("tokens":64,"tokens_per_second":1000,"seconds":1.5})"
            "\n");
}

TEST(MetricsLog, GoesOnAfterAStep) {
  TemporaryDirectory directory;
  std::string path = directory.path("metrics.jsonl");
  std::string kept = "{\"step\":1,\"loss\":3}\n{\"step\":2}\n{\"step\":2}\n";
  for (const char *tail :
       {"", "{\"step\":3}\n{\"step\":9}\n", "{\"step\":3}\nrubbish\n",
        "{\"step\":2,\"lo", "{\"step\":3,\"loss\":1}"}) {
    writeFile(path, kept + tail);
    auto log = MetricsLog::open(path, 2);
    ASSERT_TRUE(succeeds(log.status())) << tail;
    EXPECT_TRUE(succeeds(log->logEvaluation(3, 0)));
    EXPECT_EQ(readFile(path),
              kept + "{\"step\":3,\"cross_entropy\":0,\"perplexity\":1}\n");
  }
}

TEST(MetricsLog, RefusesOtherFiles) {
  TemporaryDirectory directory;
  std::string path = directory.path("metrics.jsonl");
  for (const char *line : {"rubbish", "[1]", "{}", "{\"step\":-1}",
                           "{\"step\":1.5}", "{\"step\":1,\"step\":2}"}) {
    writeFile(path, "{\"step\":1}\n" + std::string(line) + "\n");
    EXPECT_TRUE(failsWith(MetricsLog::open(path, 5).status(),
                          ErrorKind::InvalidFile, "metrics.jsonl': line 2: "))
        << line;
  }
  EXPECT_FALSE(MetricsLog::open(directory.path("none/metrics.jsonl"), 0));
}
