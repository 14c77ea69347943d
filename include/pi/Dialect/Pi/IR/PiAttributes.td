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

/// A bound that is absent unless given: minus infinity then.
class PI_LowerBoundParameter<string desc> : PI_F64Parameter<desc> {
  let defaultValue = "::llvm::APFloat::getInf(::llvm::APFloat::IEEEdouble(), /*Negative=*/true)";
}

/// Double precision numbers in brackets, all digits printed.
class PI_F64ArrayParameter<string desc>
    : ArrayRefParameter<"::llvm::APFloat", desc> {
  let printer = [{ $_printer << '[';
    ::llvm::interleaveComma($_self, $_printer.getStream(),
                            [&](const ::llvm::APFloat &value) {
                              $_printer.printFloat(value);
                            });
    $_printer << ']' }];
  let parser = [{
    [&]() -> ::mlir::FailureOr<::llvm::SmallVector<::llvm::APFloat>> {
      ::llvm::SmallVector<::llvm::APFloat> values;
      auto parseElement = [&]() -> ::mlir::ParseResult {
        double value;
        if ($_parser.parseFloat(value))
          return ::mlir::failure();
        values.emplace_back(value);
        return ::mlir::success();
      };
      if ($_parser.parseCommaSeparatedList(
              ::mlir::AsmParser::Delimiter::Square, parseElement))
        return ::mlir::failure();
      return values;
    }()
  }];
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
  let genVerifyDecl = 1;
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

def PI_ExponentialAttr : PI_Attr<"Exponential", "exponential"> {
  let summary = "the exponential of numbers up to 0 as a chain of squares";
  let description = [{
    `#pi.exponential<scale = s, offsets = [a_0, ..., a_M]>` evaluates e^x for
    x <= 0 as z_M, where

        z_0 = s x + a_0        z_i = z_{i-1}^2 + a_i

    so that M squares are all that two parties pay. With `lowest = l`, x is
    replaced by max(x, l) first, one comparison and one choice an element, which
    makes the error bounded for every x; without it the chain grows again where
    it was not fitted. (1 + x / 256)^256, what engines compute, is the chain of 8
    squares with s = 1/256 and offsets 1, 0, ..., 0.

    ```mlir
    %y = pi.attention %qkv heads 4 scale 0.25 causal
        evaluation <exponential = <scale = 0.0625, offsets = [1.0, 0.0, 0.0, 0.0, 0.0], lowest = -16.0>>
        : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
    ```
  }];
  let parameters = (ins
    PI_F64Parameter<"factor of x">:$scale,
    PI_F64ArrayParameter<"what is added after each square">:$offsets,
    PI_LowerBoundParameter<"what smaller x are replaced by">:$lowest);
  let builders = [
    // Without `lowest` nothing is clamped.
    AttrBuilder<(ins "double":$scale, "::llvm::ArrayRef<double>":$offsets,
                     CArg<"std::optional<double>", "{}">:$lowest), [{
      return $_get(
          $_ctxt, ::llvm::APFloat(scale),
          ::llvm::map_to_vector(offsets,
                                [](double a) { return ::llvm::APFloat(a); }),
          lowest ? ::llvm::APFloat(*lowest)
                 : ::llvm::APFloat::getInf(::llvm::APFloat::IEEEdouble(),
                                           /*Negative=*/true));
    }]>
  ];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    unsigned getNumSquares() const { return getOffsets().size() - 1; }
    /// Whether x is replaced by max(x, lowest).
    bool isClamped() const { return getLowest().isFinite(); }
    /// The chain in double precision.
    double evaluate(double x) const;
  }];
}

def PI_EvaluationAttr : PI_Attr<"Evaluation", "evaluation"> {
  let summary = "how two parties evaluate an attention";
  let description = [{
    What a private run does for one attention of B sequences, H heads and T
    positions, d_h wide, or for T new ones over a cache. The operation's value does
    not depend on it, nor do the lowerings to a CPU and a GPU; the cost report and
    the StableHLO export follow it. Everything is optional:

    - `pack_rows = k`: *causal packing*. Rows b k .. b k + k - 1 see columns
      0 .. (b + 1) k - 1 alone, so only those scores are compared and
      exponentiated, gathered into one vector for all sequences and heads: about
      B H T (T + k) / 2 elements instead of B H T^2. Needs `causal`, and a whole
      sequence.
    - `defer_normalization = true`: rows of the exponentials go into the product
      with V as they are, and the B T H d_h elements of its result are multiplied
      by the reciprocals of their rows' sums, instead of the exponentials. With
      `normalize_by_product = true` that is a product of matrices, arranged as
      for the temperature below.
    - `reciprocal_by_rsqrt = true`: the reciprocal of a row's sum s as r (2 - s r)
      with r = (1 / sqrt(s))^2. A sum is positive, which the reciprocal of an
      engine does not know.
    - `heads_per_product = g`: g heads share one product of matrices, scores being
      [Q_1 ... Q_g] times the transposed block diagonal of K_1 .. K_g, and the
      context [P_1 ... P_g] times the block diagonal of V_1 .. V_g. The zeros cost
      nothing where ciphertexts have room.
    - `temperature_by_product = true`: the rows of Q are multiplied by scale / t
      (H x T, which the owner of the weights knows) in the same arrangement,
      [diag(f_1) ... diag(f_g)] times the block diagonal of Q_1 .. Q_g, instead of
      element by element. Needs a temperature.
    - `exponential`: another exponential than the engine's (`#pi.exponential`).

    ```mlir
    %y = pi.attention %qkv heads 4 scale 0.25 causal
        evaluation <pack_rows = 8, defer_normalization = true, heads_per_product = 4>
        : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
    ```
  }];
  let parameters = (ins
    DefaultValuedParameter<"int64_t", "0", "rows of a block, 0 for no packing">:$pack_rows,
    DefaultValuedParameter<"bool", "false", "whether the product with V comes first">:$defer_normalization,
    DefaultValuedParameter<"bool", "false", "whether reciprocals are applied by a product of matrices">:$normalize_by_product,
    DefaultValuedParameter<"bool", "false", "whether 1 / s is (1 / sqrt(s))^2">:$reciprocal_by_rsqrt,
    DefaultValuedParameter<"int64_t", "1", "heads in one product of matrices">:$heads_per_product,
    DefaultValuedParameter<"bool", "false", "whether the temperature is applied by a product of matrices">:$temperature_by_product,
    OptionalParameter<"::mlir::pi::ExponentialAttr", "null for the engine's own">:$exponential);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The evaluation without anything said.
    static EvaluationAttr getDefault(::mlir::MLIRContext *context);

    /// The same with one parameter changed.
    EvaluationAttr withPackRows(int64_t rows) const;
    EvaluationAttr withDeferredNormalization(bool byProduct) const;
    EvaluationAttr withReciprocalByRsqrt() const;
    EvaluationAttr withHeadsPerProduct(int64_t heads) const;
    EvaluationAttr withTemperatureByProduct() const;
    EvaluationAttr withExponential(ExponentialAttr exponential) const;
  }];
}

#endif // PI_DIALECT_PI_IR_PIATTRIBUTES_TD
