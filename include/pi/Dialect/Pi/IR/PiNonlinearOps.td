//===- PiNonlinearOps.td - Nonlinear operations ------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PINONLINEAROPS_TD
#define PI_DIALECT_PI_IR_PINONLINEAROPS_TD

include "pi/Dialect/Pi/IR/PiAttributes.td"
include "pi/Dialect/Pi/IR/PiLinearOps.td"

/// A nonlinear operation on activations: what private inference pays for.
class PI_NonlinearOp<string mnemonic, list<Trait> traits = []>
    : PI_Op<mnemonic, traits # [Pure]>;

def PI_LayerNormOp
    : PI_NonlinearOp<"layer_norm", [PI_WideOperands, PI_Costly, PI_Nonlinear, PI_Differentiable,
                                    PI_Recomputable, PI_PositionWise, InferTypeOpAdaptor]> {
  let summary = "layer normalisation over the last dimension";
  let description = [{
    `result = (input - mean) / sqrt(variance + epsilon) * weight + bias`, with
    mean and biased variance over the last dimension. Shapes: input and result
    `... x d`, weight and bias `d`.

    ```mlir
    %y = pi.layer_norm %x, %w, %b epsilon 1.0e-5
        : (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$input,
    PI_FloatTensor:$weight,
    PI_FloatTensor:$bias,
    F64Attr:$epsilon);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight `,` $bias `epsilon` $epsilon attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

class PI_UnaryOp<string mnemonic>
    : PI_NonlinearOp<mnemonic, [PI_Costly, PI_Nonlinear, PI_Differentiable,
                                PI_Recomputable, PI_PositionWise, Elementwise,
                                SameOperandsAndResultType]> {
  let results = (outs PI_FloatTensor:$result);
}

def PI_GeluOp : PI_UnaryOp<"gelu"> {
  let summary = "Gaussian error linear unit";
  let description = [{
    With `approximate none`, `x * 0.5 * (1 + erf(x / sqrt(2)))`; with
    `approximate tanh` (Hugging Face's `gelu_new`),
    `0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`.

    ```mlir
    %y = pi.gelu %x approximate tanh : tensor<1x16x256xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$input,
                       PI_GeluApproximationAttr:$approximate);
  let assemblyFormat =
      "$input `approximate` `` $approximate attr-dict `:` type($input)";
}

def PI_ReluOp : PI_UnaryOp<"relu"> {
  let summary = "rectified linear unit";
  let description = [{
    `max(x, 0)`.

    ```mlir
    %y = pi.relu %x : tensor<1x16x256xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$input);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasFolder = 1;
}

def PI_PolynomialOp : PI_UnaryOp<"polynomial"> {
  let summary = "a polynomial of each element";
  let description = [{
    `sum_i coefficients[i] * x^i`, lowest degree first. A polynomial
    `[0.0, 1.0]` is the identity and folds away.

    ```mlir
    %y = pi.polynomial %x coefficients [0.125, 0.5, 0.25] : tensor<1x16x256xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$input,
                       DenseF64ArrayAttr:$coefficients);
  let assemblyFormat =
      "$input `coefficients` $coefficients attr-dict `:` type($input)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def PI_SoftmaxOp
    : PI_NonlinearOp<"softmax", [PI_Costly, PI_Nonlinear, PI_Differentiable,
                                 PI_Recomputable, InferTypeOpAdaptor]> {
  let summary = "softmax over the last dimension";
  let description = [{
    `result = exp(input / t - max) / sum(exp(input / t - max))` for every row.
    With `causal`, element j of row i takes part only if `j <= i`, and the
    result is 0 elsewhere. The learnable temperature t has one element for
    each head and row. Shapes: input and result `B x H x T x S`, temperature
    `H x T`.

    ```mlir
    %p = pi.softmax %s temperature %t causal
        : (tensor<1x4x16x16xf32>, tensor<4x16xf32>) -> tensor<1x4x16x16xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$input,
    Optional<PI_FloatTensor>:$temperature,
    UnitAttr:$causal);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $input (`temperature` $temperature^)? (`causal` $causal^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def PI_ArgmaxOp
    : PI_NonlinearOp<"argmax", [PI_Costly, PI_Nonlinear, InferTypeOpAdaptor]> {
  let summary = "the position of the largest element of each row";
  let description = [{
    The index of the largest element along the last dimension, the first of
    equal ones: the greedy next token. Shapes: input `... x V`, result `...`.

    ```mlir
    %next = pi.argmax %logits : (tensor<1x384xf32>) -> tensor<1xi32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$input);
  let results = (outs PI_IndexTensor:$result);
  let assemblyFormat =
      "$input attr-dict `:` functional-type(operands, results)";
}

#endif // PI_DIALECT_PI_IR_PINONLINEAROPS_TD
