//===- PiWeightOps.td - Normalisation of weights -----------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIWEIGHTOPS_TD
#define PI_DIALECT_PI_IR_PIWEIGHTOPS_TD

include "pi/Dialect/Pi/IR/PiLinearOps.td"

class PI_WeightOp<string mnemonic, list<Trait> traits = []>
    : PI_Op<mnemonic, traits # [Pure, PI_Local, PI_Differentiable, InferTypeOpAdaptor]> {
  code columnRanges = [{
    /// The half-open column ranges that are normalised: all columns if the
    /// attribute is absent.
    ::llvm::SmallVector<std::pair<int64_t, int64_t>> getColumnRanges();
  }];
}

def PI_WeightNormOp : PI_WeightOp<"weight_norm", [PI_Recomputable]> {
  let summary = "weight normalisation of a matrix";
  let description = [{
    `result[:, j] = gain[j] * weight[:, j] / |weight[:, j]|` for every column
    in `columns` (pairs of half-open bounds; all if absent); the other columns
    are copied. Shapes: weight and result `m x n`, gain one element for each
    normalised column, in order. As `torch.nn.utils.parametrizations.weight_norm`
    over the output features (Salimans and Kingma, arXiv 1602.07868).

    Weights are known to their owner, so this costs nothing under private
    inference.

    ```mlir
    %v = pi.weight_norm %w gain %g columns [0, 128]
        : (tensor<64x192xf32>, tensor<128xf32>) -> tensor<64x192xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$weight,
    PI_FloatTensor:$gain,
    OptionalAttr<DenseI64ArrayAttr>:$columns);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $weight `gain` $gain (`columns` $columns^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = columnRanges;
}

def PI_ColumnNormOp : PI_WeightOp<"column_norm"> {
  let summary = "Euclidean norms of the columns of a matrix";
  let description = [{
    `result[k] = |weight[:, j]|` for every column j in `columns` (pairs of
    half-open bounds; all if absent), in order. Shapes: weight `m x n`, result
    one element for each column. With it `pi.weight_norm %w gain %g` gives `%w`
    back, so it is how the gain of a loaded weight is derived.

    ```mlir
    %g = pi.column_norm %w columns [0, 128] : (tensor<64x192xf32>) -> tensor<128xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$weight,
    OptionalAttr<DenseI64ArrayAttr>:$columns);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $weight (`columns` $columns^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = columnRanges;
}

def PI_SpectralNormOp : PI_WeightOp<"spectral_norm"> {
  let summary = "spectral normalisation of a matrix";
  let description = [{
    Divides every range of columns in `columns` (pairs of half-open bounds; the
    whole matrix if absent) by its largest singular value, found by
    `iterations` steps of the power method from a vector of equal elements; the
    other columns are copied. Shapes: weight and result `m x n`. As
    `torch.nn.utils.parametrizations.spectral_norm` (Miyato et al., arXiv
    1802.05957), but with no state between calls.

    Weights are known to their owner, so this costs nothing under private
    inference.

    ```mlir
    %v = pi.spectral_norm %w columns [0, 64, 64, 128] iterations 16
        : (tensor<64x192xf32>) -> tensor<64x192xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$weight,
    OptionalAttr<DenseI64ArrayAttr>:$columns,
    ConfinedAttr<I64Attr, [IntPositive]>:$iterations);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $weight (`columns` $columns^)? `iterations` $iterations attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = columnRanges;
}

#endif // PI_DIALECT_PI_IR_PIWEIGHTOPS_TD
