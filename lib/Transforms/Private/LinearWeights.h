//===- LinearWeights.h - Weights as matrices, read and replaced -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_PRIVATE_LINEARWEIGHTS_H
#define PI_LIB_TRANSFORMS_PRIVATE_LINEARWEIGHTS_H

#include "CheckpointOutput.h"
#include "Matrix.h"
#include "WeightValues.h"

#include "mlir/IR/SymbolTable.h"
#include "pi/Dialect/Pi/IR/Pi.h"

namespace mlir::pi {

/// Weights as matrices that rows are multiplied by, of operations that read
/// what they did when the values were evaluated.
class WeightReader {
public:
  explicit WeightReader(const WeightValues &values) : values(values) {}

  /// V x d.
  Matrix readTable(Value table) const {
    ArrayRef<int64_t> shape = cast<ShapedType>(table.getType()).getShape();
    return Matrix::fromFloats(shape[0], shape[1], values.at(table).data());
  }
  /// In x out features, whether the operand is transposed or not.
  Matrix readWeight(LinearOp linear) const {
    Matrix weight = readTable(linear.getWeight());
    return linear.getTransposed() ? weight.transposed() : weight;
  }
  /// 0 if there is none.
  Matrix readBias(LinearOp linear) const {
    if (!linear.getBias())
      return Matrix(1, linear.getOutFeatures());
    return Matrix::fromFloats(1, linear.getOutFeatures(),
                              values.at(linear.getBias()).data());
  }
  double readScalar(Value scalar) const { return values.at(scalar).front(); }

private:
  const WeightValues &values;
};

/// Gives operations new parameters in place of what they read, and erases what
/// nothing reads any more. Values have the shapes that `WeightReader` gives.
class ParameterReplacer {
public:
  explicit ParameterReplacer(ModuleOp module) : symbols(module) {}

  void setTable(OpOperand &operand, const Matrix &table) {
    set(operand, operand.get(), "weight", table);
  }
  void setWeight(LinearOp linear, const Matrix &weight) {
    set(linear.getWeightMutable(), linear.getWeight(), "weight",
        linear.getTransposed() ? weight.transposed() : weight);
  }
  void setBias(LinearOp linear, const Matrix &bias);
  void dropBias(LinearOp linear);
  /// Multiplies what `linear` reads by a matrix, for all of its readers. The
  /// new linear is named after the operation that gives it.
  void insertBefore(LinearOp linear, const Matrix &weight);

  const NewParameters &getAdded() const { return added; }

private:
  LoadOp declare(OpBuilder &builder, Location loc, Value sibling,
                 StringRef suffix, RankedTensorType type, const Matrix &value);
  void set(OpOperand &operand, Value sibling, StringRef suffix,
           const Matrix &value);

  SymbolTable symbols;
  NewParameters added;
};

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_PRIVATE_LINEARWEIGHTS_H
