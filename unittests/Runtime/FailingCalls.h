//===- FailingCalls.h - System calls that fail when told to -----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_RUNTIME_FAILINGCALLS_H
#define PI_UNITTESTS_RUNTIME_FAILINGCALLS_H

namespace pi_runtime {

/// What happens to one of this process's calls that change files: write, fsync,
/// rename, mkdir, mkdtemp, mkostemp, symlink, unlink and unlinkat.
enum class CallFault {
  /// It fails with ENOSPC.
  Fail,
  /// It and every write and fsync after it fail with ENOSPC.
  DiskFull,
  /// The process ends before it, or amid the bytes of a write, as by kill -9.
  Kill
};

/// The exit status of a process that Kill has ended.
constexpr int killedStatus = 9;

/// Lets call number `number` have the fault, counted from 1 from now on.
void armFault(CallFault fault, int number);

/// Ends that. Gives whether the call has come.
bool disarmFault();

} // namespace pi_runtime

#endif // PI_UNITTESTS_RUNTIME_FAILINGCALLS_H
