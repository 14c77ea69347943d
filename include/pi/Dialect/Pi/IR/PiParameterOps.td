//===- PiParameterOps.td - Parameters and their derivation -*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIPARAMETEROPS_TD
#define PI_DIALECT_PI_IR_PIPARAMETEROPS_TD

include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "pi/Dialect/Pi/IR/PiAttributes.td"

def PI_ParameterOp : PI_Op<"parameter",
    [Symbol, IsolatedFromAbove, HasParent<"::mlir::ModuleOp">,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a learnable tensor of the model, known by its name";
  let description = [{
    Declares a parameter. Its name is the name of the tensor in a Hugging Face
    checkpoint without the leading `transformer.`.

    - `init` says how the parameter starts when the model is trained from
      scratch.
    - `decay` marks a parameter that weight decay applies to.
    - `derived` holds a region that computes the parameter from others, or from
      constants. A checkpoint that has no tensor of this name still loads: the
      region then runs once, when the weights are loaded. A parameter without
      the region has to be in the checkpoint. No parameter may be derived, in
      any number of steps, from itself.

    ```mlir
    pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> init(#pi.normal<0.02>) decay
    pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32> init(#pi.normal<0.02>) decay
    pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32> init(#pi.normal<0.02>) decay derived {
      %0 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
      %1 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
      %2 = pi.matmul %0, %1 : (tensor<64x256xf32>, tensor<256x64xf32>) -> tensor<64x64xf32>
      pi.yield %2 : tensor<64x64xf32>
    }
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<AnyStaticShapeTensor>:$type,
    OptionalAttr<PI_InitializerAttr>:$init,
    UnitAttr:$decay);
  let regions = (region MaxSizedRegion<1>:$derivation);
  let assemblyFormat = [{
    $sym_name `:` $type (`init` `(` $init^ `)`)? (`decay` $decay^)?
    attr-dict-with-keyword (`derived` $derivation^)?
  }];
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::RankedTensorType":$type,
                   "::mlir::Attribute":$init, CArg<"bool", "false">:$decay)>
  ];
  let extraClassDeclaration = [{
    /// The type of the tensor that `pi.load` of this parameter gives.
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// Whether a checkpoint may lack this parameter.
    bool isDerived() { return !getDerivation().empty(); }
  }];
  let hasRegionVerifier = 1;
}

def PI_YieldOp : PI_Op<"yield",
    [Pure, Terminator, HasParent<"::mlir::pi::ParameterOp">]> {
  let summary = "ends the derivation of a parameter with its value";
  let arguments = (ins AnyStaticShapeTensor:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def PI_LoadOp : PI_Op<"load",
    [PI_Local, MemoryEffects<[MemRead]>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the present value of a parameter or a state";
  let description = [{
    Reads a `pi.parameter` or, outside of a derivation, a `pi.state`.

    ```mlir
    %w = pi.load @ln_f.weight : tensor<64xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameter);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$parameter attr-dict `:` type($result)";
}

#endif // PI_DIALECT_PI_IR_PIPARAMETEROPS_TD
