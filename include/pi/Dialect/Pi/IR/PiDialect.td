//===- PiDialect.td - The pi dialect -----------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIDIALECT_TD
#define PI_DIALECT_PI_IR_PIDIALECT_TD

include "mlir/IR/OpBase.td"
include "pi/Interfaces/CostInterfaces.td"
include "pi/Interfaces/DifferentiableOpInterface.td"
include "pi/Interfaces/IndexOpInterface.td"
include "pi/Interfaces/PrecisionOpInterface.td"
include "pi/Interfaces/RecomputableOpInterface.td"

def PI_Dialect : Dialect {
  let name = "pi";
  let cppNamespace = "::mlir::pi";
  let summary = "Transformer language models under private inference";
  let description = [{
    The `pi` dialect holds a decoder-only language model at the level at which
    a researcher of private inference speaks of it: embeddings, linear layers,
    attention heads, and the few nonlinear functions whose evaluation on secret
    shares costs nearly everything.

    Operations work on ranked, statically shaped tensors and have value
    semantics. Weights are module-level symbols (`pi.parameter`) named as in
    the Hugging Face checkpoint they come from, so that a rewrite can add, fuse
    or drop a parameter and a checkpoint stays a map from name to tensor.

    Throughout, `B` is the batch size, `T` the number of positions, `d` the
    model width, `H` the number of heads, `V` the vocabulary size.

    ```mlir
    pi.parameter @wte.weight : tensor<384x64xf32> init(#pi.normal<0.02>) decay

    func.func @forward(%ids: tensor<1x16xi32>) -> tensor<1x16x384xf32> {
      %table = pi.load @wte.weight : tensor<384x64xf32>
      %x = pi.embedding %ids, %table
          : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
      %logits = pi.linear %x, %table transposed
          : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
      return %logits : tensor<1x16x384xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

/// An operation whose result at one position depends on that position alone of
/// every operand of the result's rank, and on the other operands as a whole.
/// An operand broadcast over the batch but not over positions breaks type
/// inference when one position is taken, so such an operation is left alone.
def PI_PositionWise : NativeOpTrait<"PositionWise"> {
  let cppNamespace = "::mlir::pi";
}

class PI_Op<string mnemonic, list<Trait> traits = []>
    : Op<PI_Dialect, mnemonic, traits>;

/// An operation that private inference pays for, and says what.
def PI_Costly : DeclareOpInterfaceMethods<PICostOpInterface, ["appendCost"]>;
/// An operation that each party does alone, on its shares or its weights.
defvar PI_Local = PICostOpInterface;
def PI_Nonlinear : DeclareOpInterfaceMethods<NonlinearOpInterface>;
/// An operation that reads or writes where an operand's integers say.
def PI_Indexing : DeclareOpInterfaceMethods<IndexOpInterface>;
/// An operation with a reverse rule, which stands beside its other code.
def PI_Differentiable : DeclareOpInterfaceMethods<DifferentiableOpInterface>;
/// An operation on values of the compute format, except for the operands and
/// results whose formats it says.
defvar PI_ComputeFormat = PrecisionOpInterface;
def PI_WideOperands : DeclareOpInterfaceMethods<PrecisionOpInterface,
                                               ["getOperandFormat"]>;
def PI_WideResults : DeclareOpInterfaceMethods<PrecisionOpInterface,
                                              ["getResultFormat"]>;
def PI_WideOperandsAndResults
    : DeclareOpInterfaceMethods<PrecisionOpInterface,
                               ["getOperandFormat", "getResultFormat"]>;
/// An operation that training may execute again instead of keeping its results.
defvar PI_Recomputable = RecomputableOpInterface;
def PI_CountsFlops : DeclareOpInterfaceMethods<FlopCountOpInterface>;

#endif // PI_DIALECT_PI_IR_PIDIALECT_TD
