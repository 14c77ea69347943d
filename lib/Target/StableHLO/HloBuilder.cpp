//===- HloBuilder.cpp - Writes one StableHLO function ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/StableHLO/HloBuilder.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::pi;

std::string mlir::pi::toString(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

std::string mlir::pi::toString(ArrayRef<HloValue> values) {
  return llvm::join(
      llvm::map_range(values, [](const HloValue &v) { return "%" + v.name; }),
      ", ");
}

/// `[0, 2, 1]`.
static std::string toString(ArrayRef<int64_t> numbers) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(numbers, os);
  os << "]";
  return text;
}

static std::string getTypes(ArrayRef<HloValue> values) {
  return llvm::join(
      llvm::map_range(
          values, [](const HloValue &v) { return mlir::pi::toString(v.type); }),
      ", ");
}

HloValue HloBuilder::define(RankedTensorType type) {
  HloValue value{std::to_string(numValues++), type};
  append(indent + "%" + value.name + " = stablehlo.");
  return value;
}

void HloBuilder::appendSignature(ArrayRef<HloValue> operands,
                                 RankedTensorType type) {
  append(" : (" + getTypes(operands) + ") -> " + toString(type) + "\n");
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

HloValue HloBuilder::elementwise(StringRef op, ArrayRef<HloValue> operands) {
  RankedTensorType type = operands.front().type;
  HloValue result = define(type);
  append(op + " " + pi::toString(operands) + " : " + toString(type) + "\n");
  return result;
}

HloValue HloBuilder::erf(const HloValue &x) {
  HloValue result = define(x.type);
  append("custom_call @mhlo.erf(" + pi::toString(x) +
         ") {mhlo.attributes = {}, mhlo.version = 1 : i64}");
  appendSignature(x, x.type);
  return result;
}

HloValue HloBuilder::constant(DenseElementsAttr value) {
  HloValue result = define(cast<RankedTensorType>(value.getType()));
  std::string text;
  llvm::raw_string_ostream(text) << value;
  append("constant " + text + "\n");
  return result;
}

HloValue HloBuilder::fill(double value, RankedTensorType type) {
  Attribute element =
      isa<FloatType>(type.getElementType())
          ? Attribute(FloatAttr::get(type.getElementType(), value))
          : Attribute(IntegerAttr::get(type.getElementType(), int64_t(value)));
  return constant(DenseElementsAttr::get(type, element));
}

HloValue HloBuilder::iota(int64_t dimension, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, builder.getI32Type());
  HloValue result = define(type);
  append("iota dim = " + Twine(dimension) + " : " + toString(type) + "\n");
  return result;
}

HloValue HloBuilder::compare(StringRef direction, const HloValue &lhs,
                             const HloValue &rhs) {
  auto type = RankedTensorType::get(lhs.getShape(), builder.getI1Type());
  StringRef order =
      isa<FloatType>(lhs.type.getElementType()) ? "FLOAT" : "SIGNED";
  HloValue result = define(type);
  append("compare " + direction + ", " + pi::toString({lhs, rhs}) + ", " +
         order);
  appendSignature({lhs, rhs}, type);
  return result;
}

HloValue HloBuilder::select(const HloValue &predicate, const HloValue &onTrue,
                            const HloValue &onFalse) {
  HloValue result = define(onTrue.type);
  append("select " + pi::toString({predicate, onTrue, onFalse}) + " : " +
         getTypes({predicate, onTrue}) + "\n");
  return result;
}

HloValue HloBuilder::convert(const HloValue &x, Type element) {
  if (x.type.getElementType() == element)
    return x;
  auto type = RankedTensorType::get(x.getShape(), element);
  HloValue result = define(type);
  append("convert " + pi::toString(x));
  appendSignature(x, type);
  return result;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

HloValue HloBuilder::broadcast(const HloValue &x, ArrayRef<int64_t> shape,
                               ArrayRef<int64_t> dimensions) {
  if (x.getShape() == shape)
    return x;
  HloValue result = define(getType(x, shape));
  append("broadcast_in_dim " + pi::toString(x) +
         ", dims = " + ::toString(dimensions));
  appendSignature(x, result.type);
  return result;
}

HloValue HloBuilder::broadcastLeading(const HloValue &x,
                                      ArrayRef<int64_t> shape) {
  int64_t rank = shape.size();
  return broadcast(x, shape,
                   llvm::to_vector(llvm::seq(rank - x.getRank(), rank)));
}

HloValue HloBuilder::broadcastRows(const HloValue &x, ArrayRef<int64_t> shape) {
  return broadcast(x, shape,
                   llvm::to_vector(llvm::seq<int64_t>(0, x.getRank())));
}

HloValue HloBuilder::reshape(const HloValue &x, ArrayRef<int64_t> shape) {
  if (x.getShape() == shape)
    return x;
  HloValue result = define(getType(x, shape));
  append("reshape " + pi::toString(x));
  appendSignature(x, result.type);
  return result;
}

HloValue HloBuilder::asMatrix(const HloValue &x) {
  ArrayRef<int64_t> leading = x.getShape().drop_back();
  return reshape(x, {ShapedType::getNumElements(leading), x.getShape().back()});
}

HloValue HloBuilder::transpose(const HloValue &x,
                               ArrayRef<int64_t> permutation) {
  HloValue result =
      define(getType(x, llvm::map_to_vector(permutation, [&](int64_t i) {
                       return x.getShape()[i];
                     })));
  append("transpose " + pi::toString(x) +
         ", dims = " + ::toString(permutation));
  appendSignature(x, result.type);
  return result;
}

HloValue HloBuilder::slice(const HloValue &x, ArrayRef<int64_t> starts,
                           ArrayRef<int64_t> limits) {
  SmallVector<int64_t> shape;
  SmallVector<std::string> ranges;
  for (auto [start, limit] : llvm::zip_equal(starts, limits)) {
    shape.push_back(limit - start);
    ranges.push_back(std::to_string(start) + ":" + std::to_string(limit));
  }
  if (x.getShape() == ArrayRef(shape))
    return x;
  HloValue result = define(getType(x, shape));
  append("slice " + pi::toString(x) + " [" + llvm::join(ranges, ", ") + "]");
  appendSignature(x, result.type);
  return result;
}

HloValue HloBuilder::sliceColumns(const HloValue &x, int64_t begin,
                                  int64_t end) {
  SmallVector<int64_t> starts(x.getRank(), 0), limits(x.getShape());
  starts.back() = begin;
  limits.back() = end;
  return slice(x, starts, limits);
}

HloValue HloBuilder::dynamicSlice(const HloValue &x, ArrayRef<HloValue> starts,
                                  ArrayRef<int64_t> sizes) {
  SmallVector<HloValue> operands = {x};
  llvm::append_range(operands, starts);
  HloValue result = define(getType(x, sizes));
  append("dynamic_slice " + pi::toString(operands) +
         ", sizes = " + ::toString(sizes));
  appendSignature(operands, result.type);
  return result;
}

HloValue HloBuilder::dynamicUpdateSlice(const HloValue &x,
                                        const HloValue &update,
                                        ArrayRef<HloValue> starts) {
  SmallVector<HloValue> operands = {x, update};
  llvm::append_range(operands, starts);
  HloValue result = define(x.type);
  append("dynamic_update_slice " + pi::toString(operands));
  appendSignature(operands, result.type);
  return result;
}

HloValue HloBuilder::pad(const HloValue &x, ArrayRef<int64_t> low,
                         ArrayRef<int64_t> high) {
  SmallVector<int64_t> shape(x.getShape());
  for (auto [size, before, after] : llvm::zip_equal(shape, low, high))
    size += before + after;
  if (x.getShape() == ArrayRef(shape))
    return x;
  HloValue zero = fill(0, getType(x, {}));
  HloValue result = define(getType(x, shape));
  SmallVector<int64_t> interior(shape.size(), 0);
  append("pad " + pi::toString({x, zero}) + ", low = " + ::toString(low) +
         ", high = " + ::toString(high) +
         ", interior = " + ::toString(interior));
  appendSignature({x, zero}, result.type);
  return result;
}

HloValue HloBuilder::concatenate(ArrayRef<HloValue> parts, int64_t dimension) {
  if (parts.size() == 1)
    return parts.front();
  SmallVector<int64_t> shape(parts.front().getShape());
  for (const HloValue &part : parts.drop_front())
    shape[dimension] += part.getShape()[dimension];
  HloValue result = define(getType(parts.front(), shape));
  append("concatenate " + pi::toString(parts) + ", dim = " + Twine(dimension));
  appendSignature(parts, result.type);
  return result;
}

//===----------------------------------------------------------------------===//
// Contractions and loops
//===----------------------------------------------------------------------===//

HloValue HloBuilder::dot(const HloValue &lhs, int64_t lhsDimension,
                         const HloValue &rhs, int64_t rhsDimension,
                         int64_t numBatch) {
  // Engines take a batch of one dimension at once, and loop over more.
  if (numBatch > 1) {
    auto merge = [&](const HloValue &x) {
      SmallVector<int64_t> shape(x.getShape().drop_front(numBatch));
      shape.insert(shape.begin(), ShapedType::getNumElements(
                                      x.getShape().take_front(numBatch)));
      return reshape(x, shape);
    };
    HloValue left = merge(lhs), right = merge(rhs);
    int64_t merged = numBatch - 1;
    HloValue product = dot(left, lhsDimension - merged, right,
                           rhsDimension - merged, /*numBatch=*/1);
    SmallVector<int64_t> shape(lhs.getShape().take_front(numBatch));
    llvm::append_range(shape, product.getShape().drop_front());
    return reshape(product, shape);
  }
  SmallVector<int64_t> shape(lhs.getShape().take_front(numBatch));
  for (auto [value, contracted] :
       {std::pair(lhs, lhsDimension), std::pair(rhs, rhsDimension)})
    for (int64_t i = numBatch; i < value.getRank(); ++i)
      if (i != contracted)
        shape.push_back(value.getShape()[i]);
  HloValue result = define(getType(lhs, shape));
  append("dot_general " + pi::toString({lhs, rhs}));
  if (numBatch == 1)
    append(", batching_dims = [0] x [0]");
  append(", contracting_dims = [" + Twine(lhsDimension) + "] x [" +
         Twine(rhsDimension) + "]");
  appendSignature({lhs, rhs}, result.type);
  return result;
}

HloValue HloBuilder::reduce(StringRef op, double initial, const HloValue &x,
                            int64_t dimension) {
  HloValue neutral = fill(initial, getType(x, {}));
  SmallVector<int64_t> shape(x.getShape());
  shape.erase(shape.begin() + dimension);
  HloValue result = define(getType(x, shape));
  append("reduce(" + pi::toString(x) + " init: " + pi::toString(neutral) +
         ") applies stablehlo." + op + " across dimensions = [" +
         Twine(dimension) + "]");
  appendSignature({x, neutral}, result.type);
  return result;
}

HloValue HloBuilder::repeat(int64_t count, const HloValue &initial,
                            function_ref<HloValue(const HloValue &)> body) {
  auto counter = RankedTensorType::get({}, builder.getI32Type());
  HloValue zero = fill(0, counter), one = fill(1, counter);
  HloValue last = fill(count, counter);
  HloValue loop = define(initial.type);
  HloValue index{"i" + loop.name, counter};
  HloValue carried{"x" + loop.name, initial.type};
  // The loop has two results; the text so far names one.
  text.insert(text.size() - StringRef(" = stablehlo.").size(), ":2");
  append("while(" + pi::toString(index) + " = " + pi::toString(zero) + ", " +
         pi::toString(carried) + " = " + pi::toString(initial) +
         ") : " + getTypes({zero, initial}) + "\n");
  append(indent + "cond {\n");
  indent += "  ";
  ret(compare("LT", index, last));
  append(StringRef(indent).drop_back(2) + "} do {\n");
  HloValue next = add(index, one), value = body(carried);
  append(indent + "stablehlo.return " + pi::toString({next, value}) + " : " +
         getTypes({next, value}) + "\n");
  indent.resize(indent.size() - 2);
  append(indent + "}\n");
  loop.name += "#1";
  return loop;
}

void HloBuilder::ret(const HloValue &value) {
  bool isFunction = indent.size() == 4;
  append(indent + (isFunction ? "return " : "stablehlo.return ") +
         pi::toString(value) + " : " + toString(value.type) + "\n");
}
