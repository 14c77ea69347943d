//===- HostFeatureNames.h - Instruction sets of hosts -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_HOSTFEATURENAMES_H
#define PI_RUNTIME_HOSTFEATURENAMES_H

/// Calls `macro("name")` for each extension of x86-64 that generated code may
/// use and that a runtime can ask the processor about. LLVM and GCC's
/// __builtin_cpu_supports have the same names for them.
#define PI_FOR_EACH_X86_FEATURE(macro)                                         \
  macro("sse3") macro("ssse3") macro("sse4.1") macro("sse4.2") macro("popcnt") \
      macro("avx") macro("avx2") macro("fma") macro("bmi") macro("bmi2")       \
          macro("lzcnt") macro("movbe") macro("f16c") macro("gfni")            \
              macro("avx512f") macro("avx512bw") macro("avx512cd")             \
                  macro("avx512dq") macro("avx512vl") macro("avx512ifma")      \
                      macro("avx512vbmi") macro("avx512vbmi2")                 \
                          macro("avx512vnni") macro("avx512bitalg")            \
                              macro("avx512vpopcntdq") macro("avx512bf16")     \
                                  macro("avxvnni")

#endif // PI_RUNTIME_HOSTFEATURENAMES_H
