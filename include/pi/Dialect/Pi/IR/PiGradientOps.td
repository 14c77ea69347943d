//===- PiGradientOps.td - Operations of gradients ----------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// What reverse rules are written with where the operations of inference do not
// suffice: products and sums that transpose a broadcast or a look-up, and the
// derivatives of nonlinear functions. In formulas, `dX` is the gradient of X,
// the derivative of the loss with respect to each element of it. The rules
// themselves stand beside the operations they belong to.
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIGRADIENTOPS_TD
#define PI_DIALECT_PI_IR_PIGRADIENTOPS_TD

include "pi/Dialect/Pi/IR/PiAttentionOps.td"
include "pi/Dialect/Pi/IR/PiTrainingOps.td"

class PI_GradientOp<string mnemonic, list<Trait> traits = []>
    : PI_Op<mnemonic, traits # [Pure, PI_TrainingOnly]>;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

class PI_BroadcastOp<string mnemonic, list<Trait> traits = []>
    : PI_Op<mnemonic, traits # [Pure, InferTypeOpAdaptor]> {
  let arguments = (ins PI_FloatTensor:$lhs, PI_FloatTensor:$rhs);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat =
      "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def PI_MulOp : PI_BroadcastOp<"mul", [PI_Differentiable]> {
  let summary = "an elementwise product, broadcast over leading dimensions";
  let description = [{
    `result = lhs * rhs`, element by element. The shape of rhs is that of lhs or
    its last dimensions; a scalar has none, and scales every element. The result
    has the shape of lhs.

    ```mlir
    %y = pi.mul %x, %gain : (tensor<1x16x64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
    %z = pi.mul %y, %beta : (tensor<1x16x64xf32>, tensor<f32>) -> tensor<1x16x64xf32>
    ```
  }];
}

def PI_DivOp : PI_BroadcastOp<"div"> {
  let summary = "an elementwise quotient, broadcast over leading dimensions";
  let description = [{
    `result = lhs / rhs`, element by element, with shapes as in `pi.mul`.

    ```mlir
    %y = pi.div %x, %alpha : (tensor<1x16x64xf32>, tensor<f32>) -> tensor<1x16x64xf32>
    ```
  }];
}

def PI_ReduceLeadingOp
    : PI_Op<"reduce_leading", [Pure, PI_Differentiable]> {
  let summary = "a sum over leading dimensions";
  let description = [{
    `result[k...] = sum_{l...} input[l..., k...]`: the gradient of a tensor that
    was broadcast, as a bias is. The shape of the result is that of the last
    dimensions of the input; a scalar is the sum of all elements. With the shape
    of the input itself it folds away. The order of summation is fixed.

    ```mlir
    %db = pi.reduce_leading %dy : (tensor<1x16x64xf32>) -> tensor<64xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$input);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat =
      "$input attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Gradients of look-ups
//===----------------------------------------------------------------------===//

def PI_EmbeddingGradOp : PI_GradientOp<"embedding_grad"> {
  let summary = "the gradient of an embedding table";
  let description = [{
    `result[v, :] = sum gradient[i..., :]` over the places with
    `indices[i...] = v`, in the order of places, and 0 for a token that does not
    occur. Shapes: indices `B x T`, gradient `B x T x d`, result `V x d`. An
    index outside `[0, V)` is undefined, as in `pi.embedding`.

    ```mlir
    %dtable = pi.embedding_grad %ids, %dx
        : (tensor<1x16xi32>, tensor<1x16x64xf32>) -> tensor<384x64xf32>
    ```
  }];
  let arguments = (ins PI_IndexTensor:$indices, PI_FloatTensor:$gradient);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat =
      "$indices `,` $gradient attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Gradients of nonlinear functions
//===----------------------------------------------------------------------===//

def PI_GeluGradOp
    : PI_GradientOp<"gelu_grad", [SameOperandsAndResultType, Elementwise]> {
  let summary = "the gradient of a GELU";
  let description = [{
    `result = gradient * gelu'(input)`, where gelu' is the exact derivative of
    the form of `pi.gelu` that `approximate` names. Shapes equal.

    ```mlir
    %dx = pi.gelu_grad %dy, %x approximate tanh : tensor<1x16x256xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$gradient, PI_FloatTensor:$input,
                       PI_GeluApproximationAttr:$approximate);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $gradient `,` $input `approximate` `` $approximate attr-dict `:` type($input)
  }];
}

def PI_ReluGradOp
    : PI_GradientOp<"relu_grad", [SameOperandsAndResultType, Elementwise]> {
  let summary = "the gradient of a ReLU";
  let description = [{
    `result = gradient` where `input > 0`, else 0. Shapes equal. The input may
    be that of the ReLU or its result, which have the same sign.

    ```mlir
    %dx = pi.relu_grad %dy, %x : tensor<1x16x256xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$gradient, PI_FloatTensor:$input);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = "$gradient `,` $input attr-dict `:` type($input)";
}

//===----------------------------------------------------------------------===//
// Gradients of losses
//===----------------------------------------------------------------------===//

def PI_CrossEntropyGradOp
    : PI_GradientOp<"cross_entropy_grad",
                    [AllTypesMatch<["logits", "result"]>]> {
  let summary = "the gradient of a cross-entropy";
  let description = [{
    `result[i, v] = gradient / N * (softmax(logits[i])[v] - 1[v = targets[i]])`
    for each of the N places i that are not ignored, else 0: the gradient of
    `pi.cross_entropy` with respect to the logits. Shapes: gradient a scalar,
    logits and result `... x V`, targets `...`.

    ```mlir
    %dlogits = pi.cross_entropy_grad %dloss, %logits, %targets ignore_index -100
        : (tensor<f32>, tensor<1x16x384xf32>, tensor<1x16xi32>) -> tensor<1x16x384xf32>
    ```
  }];
  let arguments = (ins PI_FloatScalar:$gradient, PI_FloatTensor:$logits,
                       PI_IndexTensor:$targets, I32Attr:$ignore_index);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $gradient `,` $logits `,` $targets `ignore_index` $ignore_index attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // PI_DIALECT_PI_IR_PIGRADIENTOPS_TD
