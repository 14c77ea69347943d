//===- PiTrainingOps.td - Operations of training -----------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PITRAININGOPS_TD
#define PI_DIALECT_PI_IR_PITRAININGOPS_TD

include "pi/Dialect/Pi/IR/PiAttributes.td"
include "pi/Dialect/Pi/IR/PiLinearOps.td"

/// What an operation adds to the loss: a resource, so that operations that
/// only contribute to the loss are kept, in order, until training reads them.
def PI_LossResource : Resource<"::mlir::pi::LossResource">;

/// An operation that only training needs. Inference drops it
/// (`pi-strip-training`) and its cost is not part of private inference.
def PI_TrainingOnly : NativeOpTrait<"TrainingOnly"> {
  let cppNamespace = "::mlir::pi";
}

def PI_EntropyPenaltyOp : PI_Op<"entropy_penalty",
    [PI_TrainingOnly, MemoryEffects<[MemWrite<PI_LossResource>]>]> {
  let summary = "adds the entropy regulariser of one layer to the loss";
  let description = [{
    With `E_max = log T` and the learnable threshold theta of each head, the
    deviation is `delta = E - theta * E_max` and its penalty `delta^2` where
    `|delta| > gamma * E_max`, else 0. Read `per_row`, E is the entropy of one
    query row and penalties are summed over batch and rows; read `per_head`, E
    is the mean entropy of a head over batch and rows. The mean over heads,
    times `lambda`, joins the loss; the loss is averaged over layers
    (arXiv 2501.03489, equation of the entropy regularisation and the released
    code). Shapes: entropy `B x H x T`, threshold `H`.

    ```mlir
    pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5
        : tensor<1x4x16xf32>, tensor<4xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$entropy,
    PI_FloatTensor:$threshold,
    PI_EntropyReadingAttr:$reading,
    F64Attr:$gamma,
    F64Attr:$lambda);
  let assemblyFormat = [{
    $entropy `,` $threshold `reading` `` $reading `gamma` $gamma `lambda` $lambda
    attr-dict `:` type($entropy) `,` type($threshold)
  }];
  let hasVerifier = 1;
}

#endif // PI_DIALECT_PI_IR_PITRAININGOPS_TD
