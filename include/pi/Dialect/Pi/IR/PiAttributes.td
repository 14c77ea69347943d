//===- PiAttributes.td - Attributes and enums of pi --------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIATTRIBUTES_TD
#define PI_DIALECT_PI_IR_PIATTRIBUTES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "pi/Dialect/Pi/IR/PiDialect.td"

class PI_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<PI_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

/// A double precision number in an attribute.
class PI_F64Parameter<string desc> : APFloatParameter<desc> {
  let printer = "$_printer.printFloat($_self)";
  let parser = [{ [&]() -> ::mlir::FailureOr<::llvm::APFloat> {
    double value;
    if ($_parser.parseFloat(value))
      return ::mlir::failure();
    return ::llvm::APFloat(value);
  }() }];
}

def PI_NormalAttr : PI_Attr<"Normal", "normal"> {
  let summary = "initialise with samples of a centred normal distribution";
  let description = [{
    `#pi.normal<0.02>` draws every element from N(0, 0.02^2) when a model is
    trained from scratch.
  }];
  let parameters = (ins PI_F64Parameter<"standard deviation">:$stddev);
  let builders = [AttrBuilder<(ins "double":$stddev), [{
    return $_get($_ctxt, ::llvm::APFloat(stddev));
  }]>];
  let assemblyFormat = "`<` $stddev `>`";
  let genVerifyDecl = 1;
}

def PI_FillAttr : PI_Attr<"Fill", "fill"> {
  let summary = "initialise every element with one value";
  let description = [{
    `#pi.fill<1.0>` sets every element to 1 when a model is trained from
    scratch, as for the weight of a LayerNorm.
  }];
  let parameters = (ins PI_F64Parameter<"value of every element">:$value);
  let builders = [AttrBuilder<(ins "double":$value), [{
    return $_get($_ctxt, ::llvm::APFloat(value));
  }]>];
  let assemblyFormat = "`<` $value `>`";
}

def PI_InitializerAttr
    : AnyAttrOf<[PI_NormalAttr, PI_FillAttr],
                "how a parameter starts when training from scratch">;

def PI_GeluApproximation : I32EnumAttr<"GeluApproximation",
    "form of GELU, as in torch.nn.functional.gelu",
    [I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"tanh", 1>]> {
  let cppNamespace = "::mlir::pi";
  let genSpecializedAttr = 0;
}
def PI_GeluApproximationAttr
    : EnumAttr<PI_Dialect, PI_GeluApproximation, "gelu_approximation">;

def PI_EntropyReading : I32EnumAttr<"EntropyReading",
    "what the entropy penalty compares with a head's threshold",
    [I32EnumAttrCase<"per_row", 0>, I32EnumAttrCase<"per_head", 1>]> {
  let cppNamespace = "::mlir::pi";
  let genSpecializedAttr = 0;
}
def PI_EntropyReadingAttr
    : EnumAttr<PI_Dialect, PI_EntropyReading, "entropy_reading">;

#endif // PI_DIALECT_PI_IR_PIATTRIBUTES_TD
