//===- Benchmark.h - Measures a compiled model ------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TOOLS_PI_RUN_BENCHMARK_H
#define PI_TOOLS_PI_RUN_BENCHMARK_H

#include "CommandLine.h"
#include "Session.h"

namespace pi_run {

/// Prints the median times of --benchmark as one JSON object.
Status runBenchmark(Session &session, const Options &options);

} // namespace pi_run

#endif // PI_TOOLS_PI_RUN_BENCHMARK_H
