//===- ClusterMailbox.cpp - What a cluster sends to one block -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ClusterMailbox.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::pi;

/// Emits an instruction that no operation stands for. `constraints` are those
/// of the operands: l for a pointer, r for an integer.
static void emitPtx(TileBuilder &k, StringRef text, StringRef constraints,
                    ValueRange operands) {
  LLVM::InlineAsmOp::create(
      k, LLVM::LLVMVoidType::get(k.getContext()), operands, text,
      (constraints + ",~{memory}").str(), /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr(), ArrayAttr());
}

ClusterMailbox::ClusterMailbox(TileBuilder &k, Val base, Val rank,
                               int64_t numWords)
    : k(k), barrier(base), rank(rank), numWords(numWords) {}

Val ClusterMailbox::words() const { return k.address(barrier, kBarrierBytes); }

void ClusterMailbox::open() {
  Val opens = equal(rank, 0) & equal(k.threadId(), 0);
  k.when(opens, [&] {
    NVVM::MBarrierInitOp::create(k, barrier, k.i32(1), /*predicate=*/Value());
    NVVM::FenceMbarrierInitOp::create(k);
  });
  // The fence has released the barrier to the cluster, and nothing else was
  // written.
  NVVM::ClusterArriveRelaxedOp::create(k, UnitAttr());
  NVVM::ClusterWaitOp::create(k, UnitAttr());
  k.when(opens, [&] {
    emitPtx(k, "mbarrier.arrive.expect_tx.shared.b64 _, [$0], $1;", "l,r",
            {barrier, k.i32(4 * numWords)});
  });
}

void ClusterMailbox::send(Val value, Val byteOffset) {
  Val zero = k.i32(0);
  emitPtx(k,
          "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 "
          "[$0], $1, [$2];",
          "l,r,l",
          {k.inCluster(k.address(words(), byteOffset), zero),
           k.bitcast(value, k.getI32Type()), k.inCluster(barrier, zero)});
}

void ClusterMailbox::await() {
  emitPtx(k,
          "{ "
          ".reg .pred arrived; "
          "again: "
          "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 arrived, "
          "[$0], 0; "
          "@!arrived bra again; "
          "}",
          "l", {barrier});
}
