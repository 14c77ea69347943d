//===- ArchitectureName.cpp - Names such as EReg(SM(t)+ScFuFFN) -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Architecture/ArchitectureName.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
struct NamedPlacement {
  StringLiteral name;
  Placement placement;
};
} // namespace

static constexpr NamedPlacement placements[] = {
    {"QK", Placement::QK},
    {"FFN", Placement::FFN},
    {"QK+FFN", Placement::QKFFN},
    {"QKV+FFN", Placement::QKVFFN},
    {"QKVO+FFN", Placement::QKVOFFN}};

static constexpr StringLiteral knownNames =
    "known are SM+LN+G, SM+LN+R, SM+LN, SM+G, SM+R, SM, SM+WNorm(P) and "
    "SM+SNorm(P) with P one of QK, FFN, QK+FFN, QKV+FFN, QKVO+FFN, SM+ScFFN, "
    "SM+ScFuFFN, SM(t)+ScFuFFN, EReg(SM(t)+ScFuFFN), and other combinations "
    "of these parts";

namespace {
/// A recursive descent parser of the grammar in the header.
class NameParser {
public:
  NameParser(StringRef name, function_ref<InFlightDiagnostic()> emitError)
      : name(name), rest(name), emitError(emitError) {}

  FailureOr<Architecture> parse();

private:
  LogicalResult parseComposition();
  LogicalResult parsePart();
  LogicalResult parseSoftmax();
  LogicalResult parseNormalization(WeightNormalization kind);
  FailureOr<Placement> parsePlacement();

  /// The next run of letters, without reading it.
  StringRef peekWord() {
    rest = rest.ltrim();
    return rest.take_while(llvm::isAlpha);
  }
  bool consume(char c) {
    rest = rest.ltrim();
    return rest.consume_front(StringRef(&c, 1));
  }
  LogicalResult expect(char c) {
    if (consume(c))
      return success();
    return error() << "expected '" << c << "'" << atPosition();
  }
  /// Sets a flag of the architecture, which must not be set yet.
  LogicalResult setOnce(bool &flag, StringRef part) {
    if (flag)
      return error() << "'" << part << "' stands twice";
    flag = true;
    return success();
  }

  InFlightDiagnostic error() {
    return emitError() << "architecture name '" << name << "': ";
  }
  std::string atPosition() {
    rest = rest.ltrim();
    if (rest.empty())
      return " at the end";
    return (" before '" + rest + "'").str();
  }

  StringRef name, rest;
  function_ref<InFlightDiagnostic()> emitError;
  Architecture result;
  bool hasSoftmax = false, hasActivation = false, hasFeedForward = false;
};
} // namespace

FailureOr<Architecture> NameParser::parse() {
  if (name.trim().empty())
    return emitError() << "needs an architecture, such as "
                          "name=EReg(SM(t)+ScFuFFN); "
                       << knownNames;
  if (peekWord().equals_insensitive("EReg")) {
    rest = rest.drop_front(4);
    result.entropyRegularizer = true;
    if (failed(expect('(')) || failed(parseComposition()) ||
        failed(expect(')')))
      return failure();
  } else if (failed(parseComposition())) {
    return failure();
  }
  if (!rest.trim().empty())
    return error() << "'" << rest.trim() << "' after the end";
  if (!hasSoftmax)
    return error() << "'SM' is missing";
  if (result.feedForward == Architecture::FeedForward::ScaledFused &&
      hasActivation)
    return error() << "a fused feed-forward block (ScFuFFN) has no activation "
                      "(G or R)";
  return result;
}

LogicalResult NameParser::parseComposition() {
  do {
    if (failed(parsePart()))
      return failure();
  } while (consume('+'));
  return success();
}

LogicalResult NameParser::parsePart() {
  StringRef word = peekWord();
  if (word.empty())
    return error() << "expected a part such as SM or LN" << atPosition();
  rest = rest.drop_front(word.size());
  auto is = [&](StringRef part) { return word.equals_insensitive(part); };
  if (is("SM"))
    return parseSoftmax();
  if (is("LN"))
    return setOnce(result.layerNorm, word);
  if (is("WNorm"))
    return parseNormalization(WeightNormalization::Weight);
  if (is("SNorm"))
    return parseNormalization(WeightNormalization::Spectral);
  if (is("G") || is("R")) {
    if (hasActivation)
      return error() << "a second activation, '" << word << "'";
    result.activation = is("G") ? Activation::Gelu : Activation::Relu;
    return setOnce(hasActivation, word);
  }
  if (is("ScFFN") || is("ScFuFFN")) {
    result.feedForward = is("ScFFN") ? Architecture::FeedForward::Scaled
                                     : Architecture::FeedForward::ScaledFused;
    return setOnce(hasFeedForward, word);
  }
  return error() << "unknown part '" << word << "'; " << knownNames;
}

LogicalResult NameParser::parseSoftmax() {
  if (failed(setOnce(hasSoftmax, "SM")))
    return failure();
  if (!consume('('))
    return success();
  StringRef word = peekWord();
  if (!word.equals_insensitive("t"))
    return error() << "expected 't' in SM(t)" << atPosition();
  rest = rest.drop_front(1);
  result.temperature = true;
  return expect(')');
}

LogicalResult NameParser::parseNormalization(WeightNormalization kind) {
  if (result.normalization)
    return error() << "a second normalisation of weights" << atPosition();
  if (failed(expect('(')))
    return failure();
  FailureOr<Placement> placement = parsePlacement();
  if (failed(placement))
    return failure();
  result.normalization = {kind, *placement};
  return expect(')');
}

FailureOr<Placement> NameParser::parsePlacement() {
  std::string text = peekWord().str();
  rest = rest.drop_front(text.size());
  if (consume('+')) {
    StringRef word = peekWord();
    text += ("+" + word).str();
    rest = rest.drop_front(word.size());
  }
  for (const NamedPlacement &known : placements)
    if (known.name.equals_insensitive(text))
      return known.placement;
  return error() << "unknown placement '" << text
                 << "', expected QK, FFN, QK+FFN, QKV+FFN or QKVO+FFN";
}

FailureOr<Architecture>
Architecture::parse(StringRef name,
                    function_ref<InFlightDiagnostic()> emitError) {
  return NameParser(name, emitError).parse();
}

std::string Architecture::getName() const {
  std::string text = temperature ? "SM(t)" : "SM";
  if (layerNorm)
    text += "+LN";
  if (activation != Activation::Identity)
    text += activation == Activation::Gelu ? "+G" : "+R";
  if (normalization) {
    text += normalization->kind == WeightNormalization::Weight ? "+WNorm("
                                                               : "+SNorm(";
    for (const NamedPlacement &known : placements)
      if (known.placement == normalization->placement)
        text += known.name;
    text += ")";
  }
  if (feedForward != FeedForward::Plain)
    text += feedForward == FeedForward::Scaled ? "+ScFFN" : "+ScFuFFN";
  return entropyRegularizer ? "EReg(" + text + ")" : text;
}
