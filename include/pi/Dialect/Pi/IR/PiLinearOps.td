//===- PiLinearOps.td - Linear operations ------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PILINEAROPS_TD
#define PI_DIALECT_PI_IR_PILINEAROPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "pi/Dialect/Pi/IR/PiDialect.td"
include "pi/Interfaces/GenerationOpInterface.td"

def PI_FloatTensor : StaticShapeTensorOf<[F16, BF16, F32, F64]>;
def PI_IndexTensor : StaticShapeTensorOf<[I32]>;
def PI_Position : 0DTensorOf<[I32]>;
def PI_FloatScalar : 0DTensorOf<[F16, BF16, F32, F64]>;

/// A linear operation on activations: cheap under private inference.
class PI_LinearAlgebraOp<string mnemonic, list<Trait> traits = []>
    : PI_Op<mnemonic, traits # [Pure]>;

def PI_EmbeddingOp
    : PI_LinearAlgebraOp<"embedding", [PI_ComputeFormat, PI_Costly, PI_Differentiable, PI_Recomputable,
                                      PI_Indexing, InferTypeOpAdaptor]> {
  let summary = "rows of a table, chosen by token";
  let description = [{
    `result[..., :] = table[indices[...], :]`. Shapes: indices `B x T`, table
    `V x d`, result `B x T x d`. An index outside `[0, V)` is undefined here;
    the runtime refuses it before it starts.

    Under private inference the token is secret: the engine compares it with
    every row number and multiplies the one-hot row by the table.

    ```mlir
    %x = pi.embedding %ids, %table
        : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
    ```
  }];
  let arguments = (ins PI_IndexTensor:$indices, PI_FloatTensor:$table);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat =
      "$indices `,` $table attr-dict `:` functional-type(operands, results)";
}

def PI_PositionEmbeddingOp
    : PI_LinearAlgebraOp<"position_embedding",
                         [PI_ComputeFormat, PI_Local, PI_Differentiable, PI_Recomputable,
                          PI_Indexing,
                          DeclareOpInterfaceMethods<GenerationOpInterface, ["getDecodeObstacle"]>]> {
  let summary = "consecutive rows of a table, chosen by position";
  let description = [{
    `result[i, :] = table[position + i, :]`, where `position` is 0 if it is
    not given. Shapes: table `P x d`, position a scalar, result `T x d` with
    `T <= P`. Positions are public, so this costs nothing under private
    inference.

    ```mlir
    %p = pi.position_embedding %table : (tensor<32x64xf32>) -> tensor<16x64xf32>
    %q = pi.position_embedding %table at %i
        : (tensor<32x64xf32>, tensor<i32>) -> tensor<1x64xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$table, Optional<PI_Position>:$position);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $table (`at` $position^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def PI_LinearOp
    : PI_LinearAlgebraOp<"linear", [PI_ComputeFormat, PI_Costly, PI_CountsFlops, PI_Differentiable, PI_Recomputable,
                                   PI_PositionWise, InferTypeOpAdaptor]> {
  let summary = "a linear layer";
  let description = [{
    `result = input * weight + bias`. Shapes: input `... x m`, weight `m x n`
    (the layout of GPT-2's `Conv1D`), bias `n`, result `... x n`. With
    `transposed`, weight is `n x m` (the layout of `torch.nn.Linear` and of a
    head tied to the embedding). All have one element type.

    ```mlir
    %y = pi.linear %x, %w bias %b
        : (tensor<1x16x64xf32>, tensor<64x192xf32>, tensor<192xf32>) -> tensor<1x16x192xf32>
    %z = pi.linear %x, %table transposed
        : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$input,
    PI_FloatTensor:$weight,
    Optional<PI_FloatTensor>:$bias,
    UnitAttr:$transposed);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`transposed` $transposed^)?
    attr-dict `:` functional-type(operands, results)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$weight,
                   CArg<"::mlir::Value", "{}">:$bias,
                   CArg<"bool", "false">:$transposed)>
  ];
  let extraClassDeclaration = [{
    /// The number of features read (m) and written (n) for each row.
    int64_t getInFeatures() {
      return getInput().getType().getShape().back();
    }
    int64_t getOutFeatures() {
      return getResult().getType().getShape().back();
    }
    /// The number of rows: the product of all leading dimensions.
    int64_t getNumRows() {
      return getNumElements(getInput().getType().getShape().drop_back());
    }
  }];
  let hasCanonicalizer = 1;
}

def PI_MatmulOp
    : PI_LinearAlgebraOp<"matmul", [PI_WideResults, PI_Costly, PI_CountsFlops, PI_Differentiable, PI_Recomputable,
                                   InferTypeOpAdaptor]> {
  let summary = "a product of two matrices";
  let description = [{
    `result = lhs * rhs` over the two last dimensions; leading dimensions are
    equal on both sides. Shapes: `... x m x k`, `... x k x n`, `... x m x n`. A
    factor that is `transposed` stands as `... x k x m` or `... x n x k` and is
    read the other way round, as gradients of products ask for. The result has
    the element type of the factors, or is f32 where they are shorter: a sum over
    many positions loses less so.

    ```mlir
    %c = pi.matmul %a, %b : (tensor<64x256xf32>, tensor<256x64xf32>) -> tensor<64x64xf32>
    %d = pi.matmul %a transposed, %c : (tensor<64x256xf32>, tensor<64x64xf32>) -> tensor<256x64xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$lhs,
    PI_FloatTensor:$rhs,
    UnitAttr:$lhs_transposed,
    UnitAttr:$rhs_transposed);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $lhs (`transposed` $lhs_transposed^)? `,`
    $rhs (`transposed` $rhs_transposed^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$lhs, "::mlir::Value":$rhs), [{
      build($_builder, $_state, lhs, rhs, /*lhs_transposed=*/false,
            /*rhs_transposed=*/false);
    }]>
  ];
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred,
                                        ::mlir::TypeRange actual);
  }];
}

def PI_AddOp
    : PI_LinearAlgebraOp<"add", [PI_Local, PI_Differentiable, PI_Recomputable, PI_PositionWise,
                                InferTypeOpAdaptor]> {
  let summary = "a sum, broadcast over leading dimensions";
  let description = [{
    `result = lhs + rhs`. The shape of rhs is that of lhs or its last
    dimensions; the missing leading ones are broadcast. The result has the
    type of lhs; rhs may be f32 where that is shorter.

    ```mlir
    %y = pi.add %x, %positions
        : (tensor<1x16x64xf32>, tensor<16x64xf32>) -> tensor<1x16x64xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$lhs, PI_FloatTensor:$rhs);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat =
      "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def PI_ScaledResidualOp
    : PI_LinearAlgebraOp<"scaled_residual", [PI_Costly, PI_Differentiable, PI_Recomputable,
                                            PI_PositionWise, InferTypeOpAdaptor]> {
  let summary = "the residual connection of a scaled FFN";
  let description = [{
    `result = beta * residual + (1 / alpha) * update`, with learnable scalars
    alpha and beta (Entropy-Guided Attention, arXiv 2501.03489). Shapes:
    residual, update and result equal; alpha and beta have rank 0, and may be
    f32 where the others are shorter.

    ```mlir
    %y = pi.scaled_residual %x, %ffn alpha %alpha beta %beta
        : (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<f32>, tensor<f32>) -> tensor<1x16x64xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$residual,
    PI_FloatTensor:$update,
    PI_FloatTensor:$alpha,
    PI_FloatTensor:$beta);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $residual `,` $update `alpha` $alpha `beta` $beta attr-dict
    `:` functional-type(operands, results)
  }];
}

def PI_SelectPositionOp
    : PI_LinearAlgebraOp<"select_position", [PI_Local, PI_Differentiable, PI_Recomputable, PI_Indexing,
                                            InferTypeOpAdaptor]> {
  let summary = "one position of a sequence";
  let description = [{
    `result[b, 0, :] = input[b, position, :]`. Shapes: input `B x T x d`,
    position a scalar, result `B x 1 x d`. Used to evaluate the head only where
    one next token is asked for.

    ```mlir
    %last = pi.select_position %x at %i
        : (tensor<1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$input, PI_Position:$position);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $input `at` $position attr-dict `:` functional-type(operands, results)
  }];
}

#endif // PI_DIALECT_PI_IR_PILINEAROPS_TD
