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

def PI_MulOp : PI_BroadcastOp<"mul", [PI_Differentiable, PI_Recomputable]> {
  let summary = "an elementwise product, broadcast over leading dimensions";
  let description = [{
    `result = lhs * rhs`, element by element. The shape of rhs is that of lhs or
    its last dimensions; a scalar has none, and scales every element. The result
    has the type of lhs; rhs may be f32 where that is shorter.

    ```mlir
    %y = pi.mul %x, %gain : (tensor<1x16x64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
    %z = pi.mul %y, %beta : (tensor<1x16x64xf32>, tensor<f32>) -> tensor<1x16x64xf32>
    ```
  }];
  let hasFolder = 1;
}

def PI_DivOp : PI_BroadcastOp<"div", [PI_Recomputable]> {
  let summary = "an elementwise quotient, broadcast over leading dimensions";
  let description = [{
    `result = lhs / rhs`, element by element, with shapes as in `pi.mul`.

    ```mlir
    %y = pi.div %x, %alpha : (tensor<1x16x64xf32>, tensor<f32>) -> tensor<1x16x64xf32>
    ```
  }];
}

def PI_ReduceLeadingOp
    : PI_Op<"reduce_leading", [Pure, PI_WideOperandsAndResults, PI_Differentiable]> {
  let summary = "a sum over leading dimensions";
  let description = [{
    `result[k...] = sum_{l...} input[l..., k...]`: the gradient of a tensor that
    was broadcast, as a bias is. The shape of the result is that of the last
    dimensions of the input; a scalar is the sum of all elements. With the shape
    of the input itself it folds away. The order of summation is fixed. The result
    has the element type of the input, or is f32 where that is shorter.

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

def PI_EmbeddingGradOp : PI_GradientOp<"embedding_grad", [PI_WideResults, PI_Indexing]> {
  let summary = "the gradient of an embedding table";
  let description = [{
    `result[v, :] = sum gradient[i..., :]` over the places with
    `indices[i...] = v`, in the order of places, and 0 for a token that does not
    occur. Shapes: indices `B x T`, gradient `B x T x d`, result `V x d`. An
    index outside `[0, V)` is undefined, as in `pi.embedding`. The result has the
    element type of the gradient, or is f32 where that is shorter.

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

def PI_PlaceRowsOp : PI_GradientOp<"place_rows", [PI_Indexing]> {
  let summary = "rows in a larger tensor of zeros";
  let description = [{
    `result[..., position + i, :] = rows[..., i, :]`, and 0 elsewhere; `position`
    is 0 if it is not given. The gradient of what `pi.position_embedding` and
    `pi.select_position` read. As many rows as the result has fold away without
    a position. Shapes: rows `... x n x d`, position a scalar,
    result `... x P x d` with `n <= P`.

    ```mlir
    %dtable = pi.place_rows %dp : (tensor<16x64xf32>) -> tensor<32x64xf32>
    %dx = pi.place_rows %dy at %i : (tensor<1x1x64xf32>, tensor<i32>) -> tensor<1x16x64xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$rows, Optional<PI_Position>:$position);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $rows (`at` $position^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Gradients of nonlinear functions
//===----------------------------------------------------------------------===//

def PI_LayerNormGradOp
    : PI_GradientOp<"layer_norm_grad",
                    [PI_WideOperandsAndResults,
                     AllTypesMatch<["gradient", "input", "d_input"]>,
                     AllTypesMatch<["weight", "d_weight", "d_bias"]>]> {
  let summary = "the gradient of a layer normalisation";
  let description = [{
    With mean and standard deviation `s = sqrt(variance + epsilon)` of each row
    of the input, `z = (input - mean) / s` and `g = gradient * weight`:

    - `d_input = (g - mean(g) - z * mean(g * z)) / s`, means over the row,
    - `d_weight = sum gradient * z` and `d_bias = sum gradient` over all rows.

    Shapes: gradient, input and d_input `... x d`, the others `d`.

    ```mlir
    %dx, %dw, %db = pi.layer_norm_grad %dy, %x, %w epsilon 1.0e-5
        : (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<64xf32>) -> (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>)
    ```
  }];
  let arguments = (ins PI_FloatTensor:$gradient, PI_FloatTensor:$input,
                       PI_FloatTensor:$weight, F64Attr:$epsilon);
  let results = (outs PI_FloatTensor:$d_input, PI_FloatTensor:$d_weight,
                      PI_FloatTensor:$d_bias);
  let assemblyFormat = [{
    $gradient `,` $input `,` $weight `epsilon` $epsilon attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def PI_SoftmaxGradOp : PI_GradientOp<"softmax_grad",
    [AllTypesMatch<["gradient", "input", "probabilities", "d_input"]>]> {
  let summary = "the gradient of a softmax";
  let description = [{
    With P the result of `pi.softmax` and t its temperature, or 1:

    - `d_input = P * (gradient - sum_j gradient * P) / t`, sums over the row,
    - `d_temperature = -sum d_input * input / t` over batch and columns.

    The second result is there if the temperature is. Where P is masked it is 0,
    and so is the gradient. Shapes: gradient, input, probabilities and d_input
    `B x H x T x S`, temperature and d_temperature `H x T`.

    ```mlir
    %dx, %dt = pi.softmax_grad %dp, %x, %p temperature %t
        : (tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>, tensor<4x16xf32>) -> (tensor<1x4x16x16xf32>, tensor<4x16xf32>)
    ```
  }];
  let arguments = (ins PI_FloatTensor:$gradient, PI_FloatTensor:$input,
                       PI_FloatTensor:$probabilities,
                       Optional<PI_FloatTensor>:$temperature);
  let results = (outs PI_FloatTensor:$d_input,
                      Optional<PI_FloatTensor>:$d_temperature);
  let assemblyFormat = [{
    $gradient `,` $input `,` $probabilities (`temperature` $temperature^)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

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

def PI_AttentionGradOp
    : PI_GradientOp<"attention_grad",
                    [AttrSizedOperandSegments, PI_WideOperandsAndResults,
                     AllTypesMatch<["gradient", "result"]>,
                     AllTypesMatch<["qkv", "d_qkv"]>]> {
  let summary = "the gradient of attention, and of the entropy of its rows";
  let description = [{
    For each head, with `s = scale * q k^T / t`, `P = exp(s - log_sum_exp)` where
    a column is seen and 0 elsewhere, O the result, E the entropy, dE its
    gradient (0 without), and sums over the row:

    - `dV = P^T dO`, `dP = dO V^T`,
    - `dS = P * (dP - dE * (s - log_sum_exp) - D)` with `D = sum dO * O + dE * E`,
    - `dQ = scale / t * dS K`, `dK = dS^T (scale / t * Q)`,
    - `dt = -(1 / t) * sum_j q_j dq_j`, summed over the batch.

    P is computed again: nothing of size `T x T` is kept. `d_qkv` holds dQ, dK and
    dV as qkv holds Q, K and V; the second result is there if the temperature is.
    The derivation: E = log_sum_exp - sum P s, so dE/ds = -P (log P + E); and s
    is homogeneous of degree 1 in q and of degree -1 in t. Shapes: as in
    `pi.attention`.

    ```mlir
    %dqkv = pi.attention_grad %dy, %qkv, %y, %lse heads 4 scale 0.25 causal
        : (tensor<1x16x64xf32>, tensor<1x16x192xf32>, tensor<1x16x64xf32>, tensor<1x4x16xf32>) -> tensor<1x16x192xf32>
    %dqkv2, %dt = pi.attention_grad %dy, %qkv, %y, %lse temperature %t entropy %e gradient %de heads 4 scale 0.25 causal
        : (tensor<1x16x64xf32>, tensor<1x16x192xf32>, tensor<1x16x64xf32>, tensor<1x4x16xf32>, tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>)
          -> (tensor<1x16x192xf32>, tensor<4x16xf32>)
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$gradient,
    PI_FloatTensor:$qkv,
    PI_FloatTensor:$result,
    PI_FloatTensor:$log_sum_exp,
    Optional<PI_FloatTensor>:$temperature,
    Optional<PI_FloatTensor>:$entropy,
    Optional<PI_FloatTensor>:$entropy_gradient,
    ConfinedAttr<I64Attr, [IntPositive]>:$num_heads,
    F64Attr:$scale,
    UnitAttr:$causal);
  let results = (outs PI_FloatTensor:$d_qkv,
                      Optional<PI_FloatTensor>:$d_temperature);
  let assemblyFormat = [{
    $gradient `,` $qkv `,` $result `,` $log_sum_exp
    (`temperature` $temperature^)? (`entropy` $entropy^ `gradient` $entropy_gradient)?
    `heads` $num_heads `scale` $scale (`causal` $causal^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    /// The model width d and the width d / H of one head.
    int64_t getWidth() { return getQkv().getType().getDimSize(2) / 3; }
    int64_t getHeadSize() { return getWidth() / getNumHeads(); }
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Gradients of the normalisation of weights
//===----------------------------------------------------------------------===//

class PI_WeightGradOp<string mnemonic, list<Trait> traits = []>
    : PI_GradientOp<mnemonic, traits> {
  code columnRanges = [{
    /// The half-open column ranges that are normalised: all columns if the
    /// attribute is absent.
    ::llvm::SmallVector<std::pair<int64_t, int64_t>> getColumnRanges();
  }];
  let extraClassDeclaration = columnRanges;
}

def PI_WeightNormGradOp : PI_WeightGradOp<"weight_norm_grad",
    [AllTypesMatch<["gradient", "weight", "d_weight"]>,
     AllTypesMatch<["gain", "d_gain"]>]> {
  let summary = "the gradient of a weight normalisation";
  let description = [{
    For every column j of `pi.weight_norm` that is normalised, with
    `n = |weight[:, j]|` and `u = weight[:, j] / n`:

    - `d_gain[j] = gradient[:, j] . u`,
    - `d_weight[:, j] = gain[j] / n * (gradient[:, j] - d_gain[j] * u)`;

    the gradient of the other columns is passed on (Salimans and Kingma, arXiv
    1602.07868, equation 3). Shapes: gradient, weight and d_weight `m x n`, gain
    and d_gain one element for each normalised column, in order.

    ```mlir
    %dw, %dg = pi.weight_norm_grad %dv, %w gain %g columns [0, 128]
        : (tensor<64x192xf32>, tensor<64x192xf32>, tensor<128xf32>) -> (tensor<64x192xf32>, tensor<128xf32>)
    ```
  }];
  let arguments = (ins PI_FloatTensor:$gradient, PI_FloatTensor:$weight,
                       PI_FloatTensor:$gain,
                       OptionalAttr<DenseI64ArrayAttr>:$columns);
  let results = (outs PI_FloatTensor:$d_weight, PI_FloatTensor:$d_gain);
  let assemblyFormat = [{
    $gradient `,` $weight `gain` $gain (`columns` $columns^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def PI_ColumnNormGradOp : PI_WeightGradOp<"column_norm_grad",
    [AllTypesMatch<["weight", "d_weight"]>]> {
  let summary = "the gradient of the norms of columns";
  let description = [{
    `d_weight[:, j] = gradient[k] * weight[:, j] / |weight[:, j]|` for the k-th
    column j of `pi.column_norm`, and 0 in the other columns. Shapes: gradient one
    element for each column, weight and d_weight `m x n`.

    ```mlir
    %dw = pi.column_norm_grad %dg, %w columns [0, 128]
        : (tensor<128xf32>, tensor<64x192xf32>) -> tensor<64x192xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$gradient, PI_FloatTensor:$weight,
                       OptionalAttr<DenseI64ArrayAttr>:$columns);
  let results = (outs PI_FloatTensor:$d_weight);
  let assemblyFormat = [{
    $gradient `,` $weight (`columns` $columns^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def PI_SpectralNormGradOp : PI_WeightGradOp<"spectral_norm_grad",
    [AllTypesMatch<["gradient", "weight", "d_weight"]>]> {
  let summary = "the gradient of a spectral normalisation";
  let description = [{
    For every range of columns W of the weight, G of the gradient, with the
    vector v that `iterations` steps of the power method give, `sigma = |W v|`
    and `u = W v / sigma`:

    `d_weight = G / sigma - (sum G * W) / sigma^2 * u v^T`

    in these columns; the gradient of the others is passed on. u and v count as
    constants, as in `torch.nn.utils.parametrizations.spectral_norm` (Miyato et
    al., arXiv 1802.05957, equation 9): at the largest singular value sigma does
    not change with either to first order. They are those of
    `pi.spectral_norm`, computed again. Shapes: `m x n`.

    ```mlir
    %dw = pi.spectral_norm_grad %dv, %w columns [0, 64, 64, 128] iterations 16
        : (tensor<64x192xf32>, tensor<64x192xf32>) -> tensor<64x192xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$gradient, PI_FloatTensor:$weight,
                       OptionalAttr<DenseI64ArrayAttr>:$columns,
                       ConfinedAttr<I64Attr, [IntPositive]>:$iterations);
  let results = (outs PI_FloatTensor:$d_weight);
  let assemblyFormat = [{
    $gradient `,` $weight (`columns` $columns^)? `iterations` $iterations
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Gradients of losses
//===----------------------------------------------------------------------===//

def PI_CrossEntropyGradOp
    : PI_GradientOp<"cross_entropy_grad",
                    [PI_WideOperands, PI_Indexing, AllTypesMatch<["logits", "result"]>]> {
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

def PI_EntropyPenaltyGradOp
    : PI_GradientOp<"entropy_penalty_grad",
                    [AllTypesMatch<["entropy", "d_entropy"]>,
                     AllTypesMatch<["threshold", "d_threshold"]>]> {
  let summary = "the gradient of the entropy regulariser of one layer";
  let description = [{
    With delta and E_max as in `pi.entropy_penalty`, `c = 2 * lambda / H *
    gradient`, and `a = delta` where `|delta| > gamma * E_max`, else 0:

    - `per_row`: `d_entropy[b, h, i] = c * a[b, h, i]`,
    - `per_head`: `d_entropy[b, h, i] = c * a[h] / (B * T)`,
    - `d_threshold[h] = -c * E_max * sum a`, over batch and rows for `per_row`.

    The step at the edge of the margin counts as 0. Shapes: gradient a scalar,
    entropy and d_entropy `B x H x T`, threshold and d_threshold `H`.

    ```mlir
    %de, %dtheta = pi.entropy_penalty_grad %dloss, %e, %theta reading per_row gamma 0.2 lambda 1.0e-5
        : (tensor<f32>, tensor<1x4x16xf32>, tensor<4xf32>) -> (tensor<1x4x16xf32>, tensor<4xf32>)
    ```
  }];
  let arguments = (ins
    PI_FloatScalar:$gradient,
    PI_FloatTensor:$entropy,
    PI_FloatTensor:$threshold,
    PI_EntropyReadingAttr:$reading,
    F64Attr:$gamma,
    F64Attr:$lambda);
  let results = (outs PI_FloatTensor:$d_entropy, PI_FloatTensor:$d_threshold);
  let assemblyFormat = [{
    $gradient `,` $entropy `,` $threshold `reading` `` $reading `gamma` $gamma
    `lambda` $lambda attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // PI_DIALECT_PI_IR_PIGRADIENTOPS_TD
