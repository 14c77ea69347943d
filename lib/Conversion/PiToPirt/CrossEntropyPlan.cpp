//===- CrossEntropyPlan.cpp - Plans of cross-entropies --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanModels.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Dialect/Pirt/IR/Pirt.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

/// What the logits of a chunk may take: at 4096 of 32768 rows of 50304 bf16
/// products are as fast as those of all rows.
static constexpr int64_t kChunkBytes = int64_t(400) << 20;
/// Rows of a chunk are a multiple of this, so that parts of buffers have the
/// alignment that cuBLASLt expects (256 bytes), whatever the width.
static constexpr int64_t kChunkAlignment = 128;
/// The distance of rows of logits is a multiple of this, in bytes.
static constexpr int64_t kRowBytes = 128;

static pirt::MatrixView getView(Value buffer) {
  return *pirt::getMatrixView(cast<MemRefType>(buffer.getType()));
}

static MemRefType getMatrixType(pirt::MatrixView view, Type element) {
  MemRefType type = MemRefType::get({view.rows, view.columns}, element);
  if (view.stride == view.columns)
    return type;
  return MemRefType::get(
      type.getShape(), element,
      StridedLayoutAttr::get(element.getContext(), 0, {view.stride, 1}));
}

static Type getElement(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getElementType();
}

static LogicalResult verifyElement(Operation *op, Type element) {
  if (element.isF32() || element.isBF16())
    return success();
  return op->emitError("a cross-entropy on a GPU takes f32 or bf16, but this "
                       "one has ")
         << element;
}

//===----------------------------------------------------------------------===//
// What the losses share
//===----------------------------------------------------------------------===//

namespace {
/// The loss over all targets: their number, the losses of rows, their mean.
class LossBuilder {
public:
  LossBuilder(Operation *op, PlanEmitter &emitter, Value targets,
              int32_t ignoreIndex)
      : op(op), emitter(emitter), targets(emitter.lookup(targets)),
        numRows(cast<RankedTensorType>(targets.getType()).getNumElements()),
        ignoreIndex(ignoreIndex), f32(Float32Type::get(op->getContext())) {}

  LogicalResult countTargets() {
    count = allocate({1}, f32);
    return emitter.launch(
        loc(), buildTargetCount(emitter.kernels(), loc(), numRows, ignoreIndex),
        {targets, count});
  }

  /// The losses and gradients, as far as there are buffers for them, of the
  /// rows from `first` on that `logits` holds.
  LogicalResult launchRows(Value logits, int64_t columns, int64_t first,
                           Value gradient, Value losses, Value result) {
    pirt::MatrixView view = getView(logits);
    CrossEntropySpec spec{getElement(logits), view.rows, columns, view.stride,
                          ignoreIndex};
    SmallVector<Value> arguments = {logits, slice(targets, first, view.rows)};
    if ((spec.result = static_cast<bool>(result)))
      arguments.push_back(count);
    if ((spec.gradient = static_cast<bool>(gradient)))
      arguments.push_back(gradient);
    if ((spec.losses = static_cast<bool>(losses)))
      arguments.push_back(slice(losses, first, view.rows));
    if (result)
      arguments.push_back(result);
    return emitter.launch(
        loc(), buildCrossEntropy(emitter.kernels(), loc(), spec), arguments);
  }

  LogicalResult averageLosses(Value losses, Value loss) {
    return emitter.launch(loc(),
                          buildMeanLoss(emitter.kernels(), loc(), numRows),
                          {losses, count, emitter.allocate(loss)});
  }

  Value allocateLosses() { return allocate({numRows}, f32); }
  Value allocate(ArrayRef<int64_t> shape, Type element) {
    return emitter.allocateScratch(loc(), MemRefType::get(shape, element));
  }
  Value view(Value buffer, int64_t offset, MemRefType type) {
    if (offset == 0 && buffer.getType() == type)
      return buffer;
    return pirt::ViewOp::create(emitter.builder(), loc(), type, buffer, offset);
  }

  Location loc() { return op->getLoc(); }
  int64_t getNumRows() const { return numRows; }

private:
  /// Elements [first, first + size) of a buffer with one for each row.
  Value slice(Value buffer, int64_t first, int64_t size) {
    return view(buffer, first, MemRefType::get({size}, getElement(buffer)));
  }

  Operation *op;
  PlanEmitter &emitter;
  Value targets;
  int64_t numRows;
  int32_t ignoreIndex;
  Type f32;
  Value count;
};

struct CrossEntropyPlan
    : PlanOpInterface::ExternalModel<CrossEntropyPlan, CrossEntropyOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<CrossEntropyOp>(operation);
    RankedTensorType type = op.getLogits().getType();
    if (failed(verifyElement(op, type.getElementType())))
      return failure();
    LossBuilder loss(op, emitter, op.getTargets(), op.getIgnoreIndex());
    Value losses = loss.allocateLosses();
    if (failed(loss.countTargets()) ||
        failed(loss.launchRows(emitter.lookup(op.getLogits()),
                               type.getShape().back(), /*first=*/0,
                               /*gradient=*/{}, losses, /*result=*/{})))
      return failure();
    return loss.averageLosses(losses, op.getResult());
  }
};

struct CrossEntropyGradPlan
    : PlanOpInterface::ExternalModel<CrossEntropyGradPlan, CrossEntropyGradOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<CrossEntropyGradOp>(operation);
    RankedTensorType type = op.getLogits().getType();
    if (failed(verifyElement(op, type.getElementType())))
      return failure();
    Value logits = emitter.lookup(op.getLogits());
    Value result =
        emitter.allocate(op.getResult(), cast<MemRefType>(logits.getType()));
    if (getView(result).stride != getView(logits).stride)
      return op.emitError("the gradient of logits with rows ")
             << getView(logits).stride
             << " elements apart cannot be an output with rows "
             << getView(result).stride << " apart";
    LossBuilder loss(op, emitter, op.getTargets(), op.getIgnoreIndex());
    if (failed(loss.countTargets()))
      return failure();
    return loss.launchRows(logits, type.getShape().back(), /*first=*/0,
                           emitter.lookup(op.getGradient()), /*losses=*/{},
                           result);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// LinearCrossEntropyOp
//===----------------------------------------------------------------------===//

namespace {
/// Goes through the rows chunk by chunk. The logits of a chunk become their
/// gradients in place. Where the buffer of a transposed weight has more rows
/// than there are classes, those have to be 0: all products are computed with
/// them then, which makes an awkward number of classes a fast one.
class ChunkedLoss {
public:
  ChunkedLoss(LinearCrossEntropyOp op, PlanEmitter &emitter)
      : op(op), emitter(emitter),
        loss(op, emitter, op.getTargets(), op.getIgnoreIndex()),
        input(emitter.lookup(op.getInput())),
        weight(emitter.lookup(op.getWeight())), element(getElement(input)) {}

  LogicalResult emit() {
    int64_t numRows = loss.getNumRows(), size = getChunkRows();
    losses = loss.allocateLosses();
    logits = emitter.allocateScratch(op.getLoc(), getLogitsType(size));
    if (op.getDInput()) {
      dInput = emitter.allocate(op.getDInput());
      dWeight = allocateDWeight();
    }
    if (failed(loss.countTargets()))
      return failure();
    for (int64_t first = 0; first < numRows; first += size)
      if (failed(emitChunk(first, std::min(size, numRows - first))))
        return failure();
    return loss.averageLosses(losses, op.getLoss());
  }

private:
  /// The columns of logits that products read and write.
  int64_t getNumColumns() {
    return op.getTransposed() ? getView(weight).rows : op.getNumClasses();
  }

  MemRefType getLogitsType(int64_t rows) {
    int64_t columns = getNumColumns(), stride = columns;
    if (columns % 8 != 0)
      stride = llvm::alignTo(columns,
                             kRowBytes * 8 / element.getIntOrFloatBitWidth());
    return getMatrixType({rows, columns, stride}, element);
  }

  /// Chunks of one size, as far as that goes.
  int64_t getChunkRows() {
    int64_t numRows = loss.getNumRows();
    int64_t rowBytes = pirt::getBufferBytes(getLogitsType(1));
    int64_t limit = op.getChunkRows(kChunkBytes, rowBytes);
    int64_t numChunks = llvm::divideCeil(numRows, limit);
    int64_t rows = llvm::divideCeil(numRows, numChunks);
    return std::min<int64_t>(numRows, llvm::alignTo(rows, kChunkAlignment));
  }

  Value allocateDWeight() {
    auto type = cast<RankedTensorType>(op.getDWeight().getType());
    auto shape = llvm::to_vector(type.getShape());
    if (op.getTransposed())
      shape[0] = getView(weight).rows;
    return emitter.allocate(op.getDWeight(),
                            MemRefType::get(shape, type.getElementType()));
  }

  /// Rows [first, first + rows) of a matrix.
  Value slice(Value matrix, int64_t first, int64_t rows) {
    pirt::MatrixView view = getView(matrix);
    int64_t offset = first * view.stride;
    view.rows = rows;
    return loss.view(matrix, offset, getMatrixType(view, getElement(matrix)));
  }

  void multiply(Value a, bool transposeA, Value b, bool transposeB, Value c,
                Value d) {
    pirt::GemmOp::create(emitter.builder(), op.getLoc(), a, b, /*bias=*/Value(),
                         c, d, transposeA, transposeB, /*batched=*/false,
                         APFloat(1.0), APFloat(1.0), pirt::Epilogue::none,
                         /*algorithm=*/IntegerAttr());
  }

  LogicalResult emitChunk(int64_t first, int64_t rows) {
    bool transposed = op.getTransposed();
    Value x = slice(input, first, rows), y = slice(logits, 0, rows);
    multiply(x, false, weight, transposed, Value(), y);
    if (failed(loss.launchRows(y, op.getNumClasses(), first, /*gradient=*/{},
                               losses, dInput ? y : Value())))
      return failure();
    if (!dInput)
      return success();
    multiply(y, false, weight, !transposed, Value(),
             slice(dInput, first, rows));
    // What the first chunk gives is the start of the sum.
    Value sum = first == 0 ? Value() : dWeight;
    if (!transposed) {
      multiply(x, true, y, false, sum, dWeight);
      return success();
    }
    // An output has no room for more rows than there are classes.
    pirt::MatrixView view = getView(y);
    view.columns = getView(dWeight).rows;
    y = loss.view(y, 0, getMatrixType(view, element));
    multiply(y, true, x, false, sum, dWeight);
    return success();
  }

  LinearCrossEntropyOp op;
  PlanEmitter &emitter;
  LossBuilder loss;
  Value input, weight;
  Type element;
  Value losses, logits, dInput, dWeight;
};

struct LinearCrossEntropyPlan
    : PlanOpInterface::ExternalModel<LinearCrossEntropyPlan,
                                     LinearCrossEntropyOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<LinearCrossEntropyOp>(operation);
    if (failed(verifyElement(op, op.getInput().getType().getElementType())))
      return failure();
    return ChunkedLoss(op, emitter).emit();
  }
};
} // namespace

void mlir::pi::attachCrossEntropyPlans(MLIRContext &context) {
  CrossEntropyOp::attachInterface<CrossEntropyPlan>(context);
  CrossEntropyGradOp::attachInterface<CrossEntropyGradPlan>(context);
  LinearCrossEntropyOp::attachInterface<LinearCrossEntropyPlan>(context);
}
