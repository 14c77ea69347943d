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
/// contribute to the loss are kept, in order, until training reads them.
def PI_LossResource : Resource<"::mlir::pi::LossResource">;

/// An operation that only training needs. Inference drops it
/// (`pi-strip-training`) and its cost is not part of private inference.
def PI_TrainingOnly : NativeOpTrait<"TrainingOnly"> {
  let cppNamespace = "::mlir::pi";
}

def PI_AddLossOp : PI_Op<"add_loss",
    [PI_TrainingOnly, MemoryEffects<[MemWrite<PI_LossResource>]>]> {
  let summary = "has a scalar join the loss";
  let description = [{
    The mean of all values that a function adds, one for each layer, joins the
    cross-entropy of its logits when `pi-build-loss` makes the loss that
    training minimises (arXiv 2501.03489: the penalty is averaged over layers).

    ```mlir
    pi.add_loss %penalty : tensor<f32>
    ```
  }];
  let arguments = (ins PI_FloatScalar:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def PI_EntropyPenaltyOp : PI_Op<"entropy_penalty",
    [PI_TrainingOnly, Pure, PI_Differentiable, InferTypeOpAdaptor]> {
  let summary = "the entropy regulariser of one layer";
  let description = [{
    With `E_max = log T` and the learnable threshold theta of each head, the
    deviation is `delta = E - theta * E_max` and its penalty `delta^2` where
    `|delta| > gamma * E_max`, else 0. Read `per_row`, E is the entropy of one
    query row and penalties are summed over batch and rows; read `per_head`, E
    is the mean entropy of a head over batch and rows. The result is the mean
    over heads, times `lambda` (arXiv 2501.03489, equation of the entropy
    regularisation and the released code). Shapes: entropy `B x H x T`,
    threshold `H`, result a scalar.

    ```mlir
    %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5
        : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$entropy,
    PI_FloatTensor:$threshold,
    PI_EntropyReadingAttr:$reading,
    F64Attr:$gamma,
    F64Attr:$lambda);
  let results = (outs PI_FloatScalar:$result);
  let assemblyFormat = [{
    $entropy `,` $threshold `reading` `` $reading `gamma` $gamma `lambda` $lambda
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def PI_CrossEntropyOp : PI_Op<"cross_entropy",
    [PI_TrainingOnly, Pure, PI_WideResults, PI_Differentiable, PI_Indexing,
     InferTypeOpAdaptor]> {
  let summary = "the cross-entropy of logits";
  let description = [{
    The mean of `log(sum_v exp(logits[i, v])) - logits[i, targets[i]]` over the
    places i whose target is not `ignore_index`, as
    `torch.nn.functional.cross_entropy`; but 0 where all are ignored, so that a
    batch of padding alone adds nothing. Shapes: logits `... x V`, targets `...`,
    result a scalar, in f32 unless the logits are f64. Another target outside
    `[0, V)` is undefined here; the runtime refuses it before it starts.

    ```mlir
    %loss = pi.cross_entropy %logits, %targets ignore_index -100
        : (tensor<1x16x384xf32>, tensor<1x16xi32>) -> tensor<f32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$logits, PI_IndexTensor:$targets,
                       I32Attr:$ignore_index);
  let results = (outs PI_FloatScalar:$result);
  let assemblyFormat = [{
    $logits `,` $targets `ignore_index` $ignore_index attr-dict
    `:` functional-type(operands, results)
  }];
}

def PI_LinearCrossEntropyOp : PI_Op<"linear_cross_entropy", [
    PI_TrainingOnly, Pure, PI_WideResults, PI_Indexing, SameVariadicResultSize,
    DeclareOpInterfaceMethods<DifferentiableOpInterface, ["buildForward"]>]> {
  let summary = "the cross-entropy of a linear layer, without its logits";
  let description = [{
    The loss of `pi.cross_entropy` on `logits = input * weight`, but never with
    all logits in memory: they are computed for some rows at a time, and what
    they give is summed in the order of rows. Shapes: input `... x d`, weight
    `d x V`, or `V x d` with `transposed` (a head tied to the embedding),
    targets `...`; the loss is a scalar, f32 unless the input is f64.

    The optional results are the gradients of the loss. With N places that are
    not ignored,

    - `dlogits[i, v] = (softmax(logits[i])[v] - 1[v = targets[i]]) / N`, or 0
      where i is ignored,
    - `d_input = dlogits * weight^T`, of the type of the input,
    - `d_weight = input^T * dlogits`, of the shape of the weight, and of its
      element type or f32, in which a sum over many rows of bf16 is exact enough.

    They come from the forward part because logits would have to be computed
    again otherwise (as in the Liger kernel, arXiv 2410.10989): the rule
    multiplies them by the gradient of the loss, which is 1 in training, and
    then drops out.

    `chunk` says for how many rows there are logits at a time. Without it the
    target chooses: the CPU as many as take 64 MiB, a GPU as many as take
    400 MiB. A GPU rounds the number up to a multiple of 128.

    ```mlir
    %loss = pi.linear_cross_entropy %x, %table transposed, %targets ignore_index -100
        : (tensor<1x16x64xf32>, tensor<384x64xf32>, tensor<1x16xi32>) -> tensor<f32>
    %l, %dx, %dw = pi.linear_cross_entropy %x, %w, %targets ignore_index -100 chunk 8
        : (tensor<1x16x64xf32>, tensor<64x384xf32>, tensor<1x16xi32>)
        -> (tensor<f32>, tensor<1x16x64xf32>, tensor<64x384xf32>)
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$input,
    PI_FloatTensor:$weight,
    PI_IndexTensor:$targets,
    UnitAttr:$transposed,
    I32Attr:$ignore_index,
    OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$chunk);
  let results = (outs PI_FloatScalar:$loss,
                      Optional<PI_FloatTensor>:$d_input,
                      Optional<PI_FloatTensor>:$d_weight);
  let assemblyFormat = [{
    $input `,` $weight (`transposed` $transposed^)? `,` $targets
    `ignore_index` $ignore_index (`chunk` $chunk^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let builders = [
    // Without gradients.
    OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$weight,
                   "::mlir::Value":$targets, "bool":$transposed,
                   "int32_t":$ignore_index)>
  ];
  let extraClassDeclaration = [{
    /// The number of features read (d) and of classes (V).
    int64_t getInFeatures() {
      return getInput().getType().getShape().back();
    }
    int64_t getNumClasses() {
      return getWeight().getType().getDimSize(!getTransposed());
    }
    /// The number of rows: one for each target.
    int64_t getNumRows() { return getTargets().getType().getNumElements(); }
    /// For how many rows there are logits at a time: what `chunk` says, or else
    /// as many as take `limit` bytes, each having `rowBytes`. At least one.
    int64_t getChunkRows(int64_t limit, int64_t rowBytes);
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

#endif // PI_DIALECT_PI_IR_PITRAININGOPS_TD
