//===- TensorBuilder.cpp - Shared steps of the lowering to linalg ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::pi;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

Value TensorBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value TensorBuilder::real(double value, Type type) {
  return arith::ConstantOp::create(*this, getFloatAttr(type, value));
}

Value TensorBuilder::empty(ArrayRef<OpFoldResult> sizes, Type elementType) {
  return tensor::EmptyOp::create(*this, sizes, elementType);
}

Value TensorBuilder::emptyLike(Value tensor) {
  return empty(tensor::getMixedSizes(*this, getLoc(), tensor),
               getTensorType(tensor).getElementType());
}

Value TensorBuilder::zeros(Value destination) {
  Value zero = real(0.0, getTensorType(destination).getElementType());
  return linalg::FillOp::create(*this, zero, destination).getResult(0);
}

Value TensorBuilder::extract(Value tensor, ValueRange indices) {
  Value element = tensor::ExtractOp::create(*this, tensor, indices);
  if (element.getType().isInteger())
    element = arith::IndexCastOp::create(*this, getIndexType(), element);
  return element;
}

Value TensorBuilder::slice(Value source, ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes, int64_t rank) {
  SmallVector<OpFoldResult> strides(offsets.size(), attr(1));
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes.take_back(rank))
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto type =
      RankedTensorType::get(shape, getTensorType(source).getElementType());
  return tensor::ExtractSliceOp::create(*this, type, source, offsets, sizes,
                                        strides);
}

Value TensorBuilder::insert(Value source, Value destination,
                            ArrayRef<OpFoldResult> offsets,
                            ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(offsets.size(), attr(1));
  return tensor::InsertSliceOp::create(*this, source, destination, offsets,
                                       sizes, strides);
}

Value TensorBuilder::scalar(Value value) {
  return tensor::InsertOp::create(*this, value, empty({}, value.getType()),
                                  ValueRange());
}

Value TensorBuilder::convertScalar(Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(*this, type, value);
  return arith::TruncFOp::create(*this, type, value);
}

Value TensorBuilder::convert(Value tensor, Type elementType) {
  if (getTensorType(tensor).getElementType() == elementType)
    return tensor;
  Value destination =
      empty(tensor::getMixedSizes(*this, getLoc(), tensor), elementType);
  return elementwise(tensor, destination,
                     [&](TensorBuilder &b, ValueRange args) {
                       return b.convertScalar(args[0], elementType);
                     });
}

Value TensorBuilder::asVector(Value tensor) {
  RankedTensorType type = getTensorType(tensor);
  if (type.getRank() == 1)
    return tensor;
  RankedTensorType vector = type.clone({type.getNumElements()});
  if (type.getRank() == 0)
    return tensor::ExpandShapeOp::create(*this, vector, tensor,
                                         ArrayRef<ReassociationIndices>{});
  auto all = llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
  return tensor::CollapseShapeOp::create(*this, vector, tensor,
                                         ArrayRef<ReassociationIndices>{all});
}

/// How `rank` dimensions become two: all but the last, and the last.
static SmallVector<ReassociationIndices> getMatrixReassociation(int64_t rank) {
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t i = 0; i + 1 < rank; ++i)
    groups[0].push_back(i);
  groups[1].push_back(rank - 1);
  return groups;
}

Value TensorBuilder::asMatrix(Value tensor) {
  RankedTensorType type = getTensorType(tensor);
  int64_t rank = type.getRank();
  if (rank == 2)
    return tensor;
  if (rank == 1) {
    auto row =
        RankedTensorType::get({1, type.getDimSize(0)}, type.getElementType());
    return tensor::ExpandShapeOp::create(
        *this, row, tensor, ArrayRef<ReassociationIndices>{{0, 1}});
  }
  return tensor::CollapseShapeOp::create(*this, tensor,
                                         getMatrixReassociation(rank));
}

Value TensorBuilder::fromMatrix(Value matrix, RankedTensorType type) {
  if (type.getRank() == 2)
    return matrix;
  if (type.getRank() == 1)
    return tensor::CollapseShapeOp::create(
        *this, type, matrix, ArrayRef<ReassociationIndices>{{0, 1}});
  return tensor::ExpandShapeOp::create(*this, type, matrix,
                                       getMatrixReassociation(type.getRank()));
}

AffineMap TensorBuilder::getDimensionsMap(int64_t rank, int64_t begin,
                                          int64_t end) {
  SmallVector<AffineExpr> dimensions;
  for (int64_t i = begin; i < end; ++i)
    dimensions.push_back(getAffineDimExpr(i));
  return AffineMap::get(rank, 0, dimensions, getContext());
}

Value TensorBuilder::generic(ValueRange inputs, Value destination,
                             int64_t numReduced, ScalarFn fn) {
  int64_t rank = getTensorType(destination).getRank() + numReduced;
  SmallVector<AffineMap> maps;
  for (Value input : inputs)
    maps.push_back(
        getDimensionsMap(rank, rank - getTensorType(input).getRank(), rank));
  maps.push_back(getDimensionsMap(rank, numReduced, rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  std::fill_n(iterators.begin(), numReduced, utils::IteratorType::reduction);
  auto generic = linalg::GenericOp::create(
      *this, TypeRange{destination.getType()}, inputs, ValueRange{destination},
      maps, iterators, [&](OpBuilder &b, Location loc, ValueRange args) {
        TensorBuilder body(loc, b);
        linalg::YieldOp::create(body, fn(body, args));
      });
  return generic.getResult(0);
}

Value TensorBuilder::elementwise(ValueRange inputs, Value destination,
                                 ScalarFn fn, bool readsDestination) {
  return generic(inputs, destination, /*numReduced=*/0,
                 [&](TensorBuilder &b, ValueRange args) {
                   return fn(b, readsDestination ? args : args.drop_back());
                 });
}

Value TensorBuilder::reduce(Value vector, double initial, ScalarFn fn) {
  Type type = getTensorType(vector).getElementType();
  Value seed =
      linalg::FillOp::create(*this, real(initial, type), empty({}, type))
          .getResult(0);
  SmallVector<AffineMap> maps = {
      AffineMap::getMultiDimIdentityMap(1, getContext()),
      AffineMap::get(1, 0, getContext())};
  auto generic = linalg::GenericOp::create(
      *this, TypeRange{seed.getType()}, ValueRange{vector}, ValueRange{seed},
      maps, utils::IteratorType::reduction,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        TensorBuilder body(loc, b);
        linalg::YieldOp::create(body, fn(body, {args[1], args[0]}));
      });
  return extract(generic.getResult(0));
}

Value TensorBuilder::addForSum(Value lhs, Value rhs) {
  return arith::AddFOp::create(*this, lhs, rhs,
                               arith::FastMathFlags::reassoc |
                                   arith::FastMathFlags::contract);
}

Value TensorBuilder::sum(Value vector) {
  return reduce(vector, 0.0, [](TensorBuilder &b, ValueRange args) {
    return b.addForSum(args[0], args[1]);
  });
}

Value TensorBuilder::dot(Value lhs, Value rhs) {
  return sum(elementwise({lhs, rhs}, emptyLike(lhs),
                         [](TensorBuilder &b, ValueRange args) {
                           return arith::MulFOp::create(b, args[0], args[1]);
                         }));
}

Value TensorBuilder::sumLeading(ValueRange inputs, Value destination,
                                ScalarFn fn) {
  return generic(inputs, destination, /*numReduced=*/1,
                 [&](TensorBuilder &b, ValueRange args) -> Value {
                   Value value = fn(b, args.drop_back());
                   return arith::AddFOp::create(b, args.back(), value);
                 });
}

Value TensorBuilder::matmul(Value lhs, Value rhs, Value destination,
                            bool rhsTransposed, bool lhsTransposed) {
  auto product = linalg::MatmulOp::create(*this, ValueRange{lhs, rhs},
                                          ValueRange{destination});
  if (!lhsTransposed && !rhsTransposed)
    return product.getResult(0);
  AffineExpr m, n, k;
  bindDims(getContext(), m, n, k);
  auto map = [&](AffineExpr rows, AffineExpr columns, bool transposed) {
    if (transposed)
      std::swap(rows, columns);
    return AffineMap::get(3, 0, {rows, columns}, getContext());
  };
  product.setIndexingMapsAttr(getAffineMapArrayAttr(
      {map(m, k, lhsTransposed), map(k, n, rhsTransposed), map(m, n, false)}));
  return product.getResult(0);
}

TensorBuilder::Values TensorBuilder::parallel(ArrayRef<int64_t> sizes,
                                              ValueRange destinations,
                                              PieceFn fn) {
  SmallVector<OpFoldResult> bounds =
      getAsIndexOpFoldResult(getContext(), sizes);
  auto forall = scf::ForallOp::create(
      *this, bounds, destinations, /*mapping=*/std::nullopt,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        TensorBuilder body(loc, b);
        ValueRange shared = args.drop_front(sizes.size());
        SmallVector<Piece> pieces =
            fn(body, args.take_front(sizes.size()), shared);
        auto terminator = scf::InParallelOp::create(body);
        body.setInsertionPointToStart(terminator.getBody());
        for (auto [piece, place] : llvm::zip_equal(pieces, shared)) {
          SmallVector<OpFoldResult> strides(piece.offsets.size(), attr(1));
          tensor::ParallelInsertSliceOp::create(
              body, piece.value, place, piece.offsets, piece.sizes, strides);
        }
      });
  return Values(forall.getResults());
}

Value TensorBuilder::loop(OpFoldResult count, Value initial, StepFn fn) {
  auto step = [&](TensorBuilder &b, Value index, ValueRange carried) {
    return Values{fn(b, index, carried[0])};
  };
  return loop(count, ValueRange{initial}, step)[0];
}

TensorBuilder::Values TensorBuilder::loop(OpFoldResult count,
                                          ValueRange initial, StepsFn fn) {
  Value bound = getValueOrCreateConstantIndexOp(*this, getLoc(), count);
  auto loop = scf::ForOp::create(
      *this, index(0), bound, index(1), initial,
      [&](OpBuilder &b, Location loc, Value iv, ValueRange carried) {
        TensorBuilder body(loc, b);
        scf::YieldOp::create(body, fn(body, iv, carried));
      });
  return Values(loop.getResults());
}
