//===- ClusterMailbox.h - What a cluster sends to one block -----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_CLUSTERMAILBOX_H
#define PI_LIB_CONVERSION_PITOPIRT_CLUSTERMAILBOX_H

#include "TileBuilder.h"

namespace mlir::pi {

/// Shared memory of block 0 of a cluster, to which all its blocks store words
/// that arrive without a barrier: `st.async` counts the bytes at an mbarrier,
/// for which block 0 alone waits. A barrier of the whole cluster would fence
/// global memory too, which takes longer than the work of a small kernel.
/// Senders may end as soon as they have sent.
class ClusterMailbox {
public:
  /// `base` points to getBytes(numWords) bytes of shared memory at the same
  /// place in every block, on a boundary of 8 bytes; `rank` is the block's
  /// number in its cluster.
  ClusterMailbox(TileBuilder &k, Val base, Val rank, int64_t numWords);
  static int64_t getBytes(int64_t numWords) {
    return kBarrierBytes + 4 * numWords;
  }

  /// Makes the mailbox ready. All threads of the cluster come here; may stand
  /// before the wait for the kernel before.
  void open();
  /// Sends a number of 4 bytes to the place `byteOffset` of the mailbox.
  void send(Val value, Val byteOffset);
  /// Waits until all `numWords` words are there. Only for threads of block 0.
  void await();
  /// Where the words stand, for threads of block 0 after the wait.
  Val words() const;

private:
  static constexpr int64_t kBarrierBytes = 8;

  TileBuilder &k;
  Val barrier, rank;
  int64_t numWords;
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_CLUSTERMAILBOX_H
