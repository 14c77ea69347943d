//===- PiOptimizerOps.td - What updates parameters ---------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIOPTIMIZEROPS_TD
#define PI_DIALECT_PI_IR_PIOPTIMIZEROPS_TD

include "pi/Dialect/Pi/IR/PiParameterOps.td"
include "pi/Dialect/Pi/IR/PiTrainingOps.td"

def PI_F32Tensor : StaticShapeTensorOf<[F32]>;
/// Scalars of one type each, which assembly therefore does not spell out.
class PI_Scalar<Type element, string builder>
    : TypeConstraint<0DTensorOf<[element]>.predicate,
                     "scalar tensor of " # element.summary>,
      BuildableType<"::mlir::RankedTensorType::get({}, " # builder # ")">;
def PI_F32Scalar : PI_Scalar<F32, "$_builder.getF32Type()">;
def PI_I32Scalar : PI_Scalar<I32, "$_builder.getI32Type()">;

//===----------------------------------------------------------------------===//
// What runs keep
//===----------------------------------------------------------------------===//

def PI_StateOp : PI_Op<"state", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "a tensor that runs keep between them, known by its name";
  let description = [{
    Declares a tensor that is zero before the first run and then has what the
    last run left there, as the moments of an optimiser. It is no part of the
    model: a checkpoint of the model has no tensor of this name, one of its
    training has.

    ```mlir
    pi.state @wte.weight.exp_avg : tensor<384x64xf32>
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
  let extraClassDeclaration = [{
    /// The type of the tensor that `pi.load` of this state gives.
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
  }];
}

def PI_StoreOp : PI_Op<"store",
    [MemoryEffects<[MemWrite]>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "gives a parameter or a state a new value";
  let description = [{
    The value is what later runs load. In one function, every load of a symbol
    has to stand before its store, and a symbol is stored once:
    `pi-externalize-parameters` refuses anything else.

    ```mlir
    pi.store %m, @wte.weight.exp_avg : tensor<384x64xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$value, FlatSymbolRefAttr:$target);
  let assemblyFormat = "$value `,` $target attr-dict `:` type($value)";
}

//===----------------------------------------------------------------------===//
// Optimisers
//===----------------------------------------------------------------------===//

class PI_OptimizerOp<string mnemonic, list<Trait> traits = []>
    : PI_Op<mnemonic, traits # [Pure, PI_TrainingOnly]>;

def PI_GlobalNormOp : PI_OptimizerOp<"global_norm"> {
  let summary = "the Euclidean norm of all elements of all operands";
  let description = [{
    `result = sqrt(sum_k sum_i inputs[k][i]^2)`, in a fixed order: two runs give
    the same bits. The total norm of `torch.nn.utils.clip_grad_norm_`. Shapes:
    any, at least one operand; the result is a scalar.

    ```mlir
    %norm = pi.global_norm %dw, %db : tensor<64x192xf32>, tensor<192xf32>
    ```
  }];
  let arguments = (ins Variadic<PI_F32Tensor>:$inputs);
  let results = (outs PI_F32Scalar:$result);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs)";
  let hasVerifier = 1;
}

def PI_ClipCoefficientOp : PI_OptimizerOp<"clip_coefficient"> {
  let summary = "what clipping by norm multiplies every gradient by";
  let description = [{
    `result = min(1, max_norm / (norm + 1e-6))`, as in
    `torch.nn.utils.clip_grad_norm_`; NaN where `norm` is not finite, which
    `pi.adamw` takes as a sign to change nothing. Without clipping, `max_norm`
    is infinite. All are scalars.

    ```mlir
    func.func @clip(%norm: tensor<f32>, %max_norm: tensor<f32>) -> tensor<f32> {
      %c = pi.clip_coefficient %norm, %max_norm
      return %c : tensor<f32>
    }
    ```
  }];
  let arguments = (ins PI_F32Scalar:$norm, PI_F32Scalar:$max_norm);
  let results = (outs PI_F32Scalar:$result);
  let assemblyFormat = "$norm `,` $max_norm attr-dict";
}

def PI_AdamWOp : PI_OptimizerOp<"adamw",
    [AllTypesMatch<["weight", "gradient", "exp_avg", "exp_avg_sq", "new_weight",
                    "new_exp_avg", "new_exp_avg_sq"]>]> {
  let summary = "one update of a parameter by AdamW";
  let description = [{
    Element by element, with `g = coefficient * gradient`:

    - `new_exp_avg = exp_avg + (1 - beta1) * (g - exp_avg)`
    - `new_exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g`
    - `denominator = sqrt(new_exp_avg_sq) / sqrt(1 - beta2^step) + epsilon`
    - `new_weight = decayed - learning_rate / (1 - beta1^step) * new_exp_avg /
      denominator`

    where `decayed` is `weight * (1 - learning_rate * weight_decay)` with the
    attribute `decay`, and `weight` without. It is the formula of
    `torch.optim.AdamW` (Loshchilov and Hutter, arXiv 1711.05101), in f32; what
    depends on the step alone is computed in f64, as there. `step` is 1 for the
    first update. Where the coefficient is NaN, all three tensors stay as they
    are. Shapes: weight, gradient, both moments and the results are alike, the
    other operands are scalars.

    ```mlir
    func.func @update(%w: tensor<64x192xf32>, %dw: tensor<64x192xf32>,
        %m: tensor<64x192xf32>, %v: tensor<64x192xf32>, %lr: tensor<f32>,
        %decay: tensor<f32>, %step: tensor<i32>, %c: tensor<f32>) -> tensor<64x192xf32> {
      %w1, %m1, %v1 = pi.adamw %w gradient %dw moments %m, %v learning_rate %lr
          weight_decay %decay step %step coefficient %c
          beta1 0.9 beta2 0.95 epsilon 1.0e-8 decay : tensor<64x192xf32>
      return %w1 : tensor<64x192xf32>
    }
    ```
  }];
  let arguments = (ins
    PI_F32Tensor:$weight,
    PI_F32Tensor:$gradient,
    PI_F32Tensor:$exp_avg,
    PI_F32Tensor:$exp_avg_sq,
    PI_F32Scalar:$learning_rate,
    PI_F32Scalar:$weight_decay,
    PI_I32Scalar:$step,
    PI_F32Scalar:$coefficient,
    F64Attr:$beta1,
    F64Attr:$beta2,
    F64Attr:$epsilon,
    UnitAttr:$decay);
  let results = (outs
    PI_F32Tensor:$new_weight,
    PI_F32Tensor:$new_exp_avg,
    PI_F32Tensor:$new_exp_avg_sq);
  let assemblyFormat = [{
    $weight `gradient` $gradient `moments` $exp_avg `,` $exp_avg_sq
    `learning_rate` $learning_rate `weight_decay` $weight_decay `step` $step
    `coefficient` $coefficient `beta1` $beta1 `beta2` $beta2 `epsilon` $epsilon
    (`decay` $decay^)? attr-dict `:` type($weight)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// What watches training
//===----------------------------------------------------------------------===//

def PI_IsFiniteOp : PI_OptimizerOp<"is_finite"> {
  let summary = "whether all elements of all operands are finite";
  let description = [{
    1 if no element of any operand is infinite or NaN, else 0. Shapes: any, at
    least one operand; the result is a scalar.

    ```mlir
    %ok = pi.is_finite %y, %e : tensor<1x16x64xf32>, tensor<1x4x16xf32>
    ```
  }];
  let arguments = (ins Variadic<PI_FloatTensor>:$inputs);
  let results = (outs PI_I32Scalar:$result);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs)";
  let hasVerifier = 1;
}

def PI_MeanEntropyOp : PI_OptimizerOp<"mean_entropy", [InferTypeOpAdaptor]> {
  let summary = "the mean entropy of each head";
  let description = [{
    `result[h] = sum_{b, i} entropy[b, h, i] / (B * T)`: the mean over batch and
    rows of what `pi.attention` gives, which the entropy regulariser compares
    with a threshold when it is read per head. Shapes: entropy `B x H x T`,
    result `H`.

    ```mlir
    %m = pi.mean_entropy %e : (tensor<1x4x16xf32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins PI_FloatTensor:$entropy);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat =
      "$entropy attr-dict `:` functional-type(operands, results)";
}

#endif // PI_DIALECT_PI_IR_PIOPTIMIZEROPS_TD
