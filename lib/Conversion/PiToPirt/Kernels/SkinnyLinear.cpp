//===- SkinnyLinear.cpp - A linear layer of few rows ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decoding multiplies one row by every weight of the model: the floor is the
// time to read the weights once, in * out * sizeof(element) / 4.25 TB/s on an
// H200 (0.8 us for 768 x 2304 in bf16), and a launch costs as much again. So a
// kernel does all that stands around the product, and issues its first loads of
// weights, which nothing computes, before it waits for the kernel before it.
//
// A weight [in, out] is read by columns: a block owns 8 to 32 columns, a thread
// 16 bytes of them in every slices-th row. A weight [out, in] is read by rows:
// a warp owns kOutputsPerWarp rows at a time. Sums are taken in a fixed order.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "pi/Conversion/PiToPirt/Kernels.h"
#include "pi/Target/Cubin/Cubin.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

namespace {

/// Loads of 16 bytes that a block has in flight at once; more spill.
constexpr int64_t kMaxLoadsInFlight = 4096;
/// Multiprocessors of an H100 or H200, to size grids that go round.
constexpr int64_t kNumMultiprocessors = 132;
/// Static shared memory of a block.
constexpr int64_t kMaxSharedBytes = 48 * 1024;

std::string getKernelName(const SkinnyLinearSpec &spec) {
  std::string name =
      "skinny_linear_" + getTypeName(spec.element) + "_" +
      getTypeName(spec.resultElement) + "_r" + Twine(spec.rows).str() + "_k" +
      Twine(spec.inFeatures).str() + "_n" + Twine(spec.outFeatures).str();
  if (spec.resultStride != spec.outFeatures)
    name += "_s" + Twine(spec.resultStride).str();
  if (spec.transposed)
    name += "_transposed";
  if (spec.layerNormEpsilon)
    name += "_ln" +
            llvm::utohexstr(llvm::bit_cast<uint64_t>(*spec.layerNormEpsilon));
  if (spec.bias)
    name += "_bias";
  static constexpr StringLiteral activations[] = {"", "_gelu_tanh", "_gelu_erf",
                                                  "_relu"};
  static constexpr StringLiteral residuals[] = {"", "_add", "_scaled"};
  name += activations[static_cast<int>(spec.activation)];
  name += residuals[static_cast<int>(spec.residual)];
  return name;
}

/// Emits one kernel.
class SkinnyLinear {
public:
  SkinnyLinear(gpu::GPUModuleOp module, Location loc,
               const SkinnyLinearSpec &spec)
      : spec(spec), width(elementsPerAccess(spec)), threads(numThreads(spec)),
        b(module, loc, getKernelName(spec), getArgumentTypes(spec), threads) {
    takeArguments();
  }

  static int64_t elementsPerAccess(const SkinnyLinearSpec &spec) {
    return KernelBuilder::kAccessBytes * 8 /
           spec.element.getIntOrFloatBitWidth();
  }
  static int64_t numThreads(const SkinnyLinearSpec &spec) {
    bool isLarge = spec.inFeatures > 2048 || columnsPerBlock(spec) == 32;
    return !spec.transposed && isLarge ? 512 : 256;
  }
  /// Columns of a block: no more blocks than multiprocessors, if that can be. A
  /// launch of more starts later, and what it loads early comes too late.
  static int64_t columnsPerBlock(const SkinnyLinearSpec &spec) {
    int64_t columns = 8;
    while (columns < 32 && spec.outFeatures % (2 * columns) == 0 &&
           spec.outFeatures / columns > kNumMultiprocessors)
      columns *= 2;
    return columns;
  }
  /// Rows of shared memory are padded with zeros, so that no loop has a tail.
  static int64_t paddedFeatures(const SkinnyLinearSpec &spec) {
    return llvm::alignTo(spec.inFeatures, 512 * elementsPerAccess(spec) / 4);
  }
  static int64_t outputsPerWarp(const SkinnyLinearSpec &spec) {
    return spec.element.isF32() ? 2 : 4;
  }

  KernelLaunch build();

private:
  static SmallVector<Type> getArgumentTypes(const SkinnyLinearSpec &spec);
  void takeArguments();
  SmallVector<Value> stagedFeatures();
  void preloadLayerNorm();
  void stageInput();
  std::pair<Value, Value> computeStatistics(Value row);
  void multiplyColumns();
  void multiplyRows();
  /// What follows the product, for one element of the result: its operands,
  /// those that are parameters and those that a kernel has computed.
  struct Epilogue {
    Value bias, alpha, beta, residual;
  };
  Epilogue loadParameters(Value column);
  void loadResidual(Epilogue &epilogue, Value row, Value column);
  void finish(Value row, Value column, Value sum, const Epilogue &epilogue);
  Value activate(Value x);

  Value warp() { return b.div(b.thread(), b.index(KernelBuilder::kWarpSize)); }
  Value lane() { return b.rem(b.thread(), b.index(KernelBuilder::kWarpSize)); }
  int64_t numWarps() { return threads / KernelBuilder::kWarpSize; }

  const SkinnyLinearSpec &spec;
  int64_t width, threads;
  KernelBuilder b;
  Value input, weight, normWeight, normBias, bias, residual, alpha, beta,
      result;
  /// The input, normalised if asked, in f32: [rows, paddedFeatures].
  Value staged;
  SmallVector<Value> loadedNormWeight, loadedNormBias;
};

} // namespace

SmallVector<Type> SkinnyLinear::getArgumentTypes(const SkinnyLinearSpec &spec) {
  int64_t in = spec.inFeatures, out = spec.outFeatures;
  Type f32 = Float32Type::get(spec.element.getContext());
  SmallVector<Type> types;
  auto argument = [&](ArrayRef<int64_t> shape, Type element) {
    types.push_back(MemRefType::get(shape, element));
  };
  argument({spec.rows, in}, spec.element);
  if (spec.transposed)
    argument({out, in}, spec.element);
  else
    argument({in, out}, spec.element);
  if (spec.layerNormEpsilon) {
    argument({in}, f32);
    argument({in}, f32);
  }
  if (spec.bias)
    argument({out}, spec.element);
  if (spec.residual != SkinnyLinearSpec::Residual::None)
    argument({spec.rows, out}, spec.element);
  if (spec.residual == SkinnyLinearSpec::Residual::Scaled) {
    argument({}, spec.element);
    argument({}, spec.element);
  }
  argument({spec.rows, spec.resultStride}, spec.resultElement);
  return types;
}

void SkinnyLinear::takeArguments() {
  input = b.takeArgument();
  weight = b.takeArgument();
  if (spec.layerNormEpsilon) {
    normWeight = b.takeArgument();
    normBias = b.takeArgument();
  }
  if (spec.bias)
    bias = b.takeArgument();
  if (spec.residual != SkinnyLinearSpec::Residual::None)
    residual = b.takeArgument();
  if (spec.residual == SkinnyLinearSpec::Residual::Scaled) {
    alpha = b.takeArgument();
    beta = b.takeArgument();
  }
  result = b.takeArgument();
}

/// Mean and 1 / sqrt(variance + epsilon) of a row; each warp computes them for
/// itself, which takes no barrier.
std::pair<Value, Value> SkinnyLinear::computeStatistics(Value row) {
  int64_t perStep = KernelBuilder::kWarpSize * width;
  Value zero = b.f32(0), scale = b.f32(1.0 / spec.inFeatures);
  Value last = b.index(spec.inFeatures - width);
  SmallVector<std::pair<Value, SmallVector<Value>>> chunks;
  Value sum = zero;
  for (int64_t begin = 0; begin < spec.inFeatures; begin += perStep) {
    Value offset = b.add(b.mul(lane(), b.index(width)), b.index(begin));
    Value inside = b.less(offset, b.index(spec.inFeatures));
    auto values = b.loadVector(input, {row, b.min(offset, last)}, width);
    for (Value value : values)
      sum = b.add(sum, b.select(inside, value, zero));
    chunks.emplace_back(inside, std::move(values));
  }
  Value mean = b.mul(b.sumLanes(sum), scale);
  Value squares = zero;
  for (auto &[inside, values] : chunks)
    for (Value value : values) {
      Value deviation = b.select(inside, b.sub(value, mean), zero);
      squares = b.fma(deviation, deviation, squares);
    }
  Value variance = b.mul(b.sumLanes(squares), scale);
  Value inverse =
      math::RsqrtOp::create(b, b.add(variance, b.f32(*spec.layerNormEpsilon)));
  return {mean, inverse};
}

/// The first features that this thread stages, `width` at a time.
SmallVector<Value> SkinnyLinear::stagedFeatures() {
  SmallVector<Value> features;
  for (int64_t begin = 0; begin < paddedFeatures(spec);
       begin += threads * width)
    features.push_back(
        b.add(b.mul(b.thread(), b.index(width)), b.index(begin)));
  return features;
}

/// Parameters of the LayerNorm for the features that this thread stages.
void SkinnyLinear::preloadLayerNorm() {
  if (!spec.layerNormEpsilon)
    return;
  Value last = b.index(spec.inFeatures - width);
  for (Value feature : stagedFeatures()) {
    Value at = b.min(feature, last);
    llvm::append_range(loadedNormWeight, b.loadVector(normWeight, at, width));
    llvm::append_range(loadedNormBias, b.loadVector(normBias, at, width));
  }
}

void SkinnyLinear::stageInput() {
  Value last = b.index(spec.inFeatures - width), zero = b.f32(0);
  SmallVector<Value> features = stagedFeatures();
  for (int64_t r = 0; r < spec.rows; ++r) {
    Value row = b.index(r);
    SmallVector<Value> loaded;
    for (Value feature : features)
      loaded.push_back(b.loadPacked(input, {row, b.min(feature, last)}, width));
    std::pair<Value, Value> statistics;
    if (spec.layerNormEpsilon)
      statistics = computeStatistics(row);
    for (auto [i, feature] : llvm::enumerate(features)) {
      Value inside = b.less(feature, b.index(spec.inFeatures));
      SmallVector<Value> values = b.unpack(loaded[i]);
      for (auto [j, value] : llvm::enumerate(values)) {
        if (spec.layerNormEpsilon) {
          auto [mean, inverse] = statistics;
          value = b.mul(b.sub(value, mean), inverse);
          value = b.fma(value, loadedNormWeight[i * width + j],
                        loadedNormBias[i * width + j]);
        }
        value = b.select(inside, value, zero);
      }
      b.ifThen(b.less(feature, b.index(paddedFeatures(spec))),
               [&, at = feature] {
                 b.storeVector(values, staged, {row, at});
               });
    }
  }
  b.barrier();
}

Value SkinnyLinear::activate(Value x) {
  switch (spec.activation) {
  case SkinnyLinearSpec::Activation::None:
    return x;
  case SkinnyLinearSpec::Activation::Relu:
    return b.max(x, b.f32(0));
  case SkinnyLinearSpec::Activation::GeluTanh: {
    // 0.5 x (1 + tanh(u)) = x / (1 + e^(-2u)), u = sqrt(2/pi) (x + c x^3).
    Value cubic = b.fma(b.mul(b.mul(x, x), x), b.f32(0.044715), x);
    Value e = b.exp(b.mul(cubic, b.f32(-2 * 0.7978845608028654)));
    return b.div(x, b.add(e, b.f32(1)));
  }
  case SkinnyLinearSpec::Activation::GeluErf: {
    Value erf = math::ErfOp::create(b, b.mul(x, b.f32(0.7071067811865476)));
    return b.mul(b.mul(x, b.f32(0.5)), b.add(erf, b.f32(1)));
  }
  }
  llvm_unreachable("unknown activation");
}

SkinnyLinear::Epilogue SkinnyLinear::loadParameters(Value column) {
  Epilogue epilogue;
  if (spec.bias)
    epilogue.bias = b.loadScalar(bias, column);
  if (spec.residual == SkinnyLinearSpec::Residual::Scaled) {
    epilogue.alpha = b.loadScalar(alpha);
    epilogue.beta = b.loadScalar(beta);
  }
  return epilogue;
}

void SkinnyLinear::loadResidual(Epilogue &epilogue, Value row, Value column) {
  if (spec.residual != SkinnyLinearSpec::Residual::None)
    epilogue.residual = b.loadScalar(residual, {row, column});
}

void SkinnyLinear::finish(Value row, Value column, Value sum,
                          const Epilogue &epilogue) {
  if (epilogue.bias)
    sum = b.add(sum, epilogue.bias);
  sum = activate(sum);
  if (spec.residual == SkinnyLinearSpec::Residual::Add)
    sum = b.add(epilogue.residual, sum);
  if (spec.residual == SkinnyLinearSpec::Residual::Scaled)
    sum = b.fma(epilogue.beta, epilogue.residual, b.div(sum, epilogue.alpha));
  b.storeScalar(sum, result, {row, column});
}

/// A weight [in, out].
void SkinnyLinear::multiplyColumns() {
  int64_t columns = columnsPerBlock(spec), groups = columns / width;
  int64_t slices = threads / groups;
  int64_t steps = llvm::divideCeil(spec.inFeatures, slices);
  int64_t loadsInFlight = kMaxLoadsInFlight / threads;
  Value group = b.rem(b.thread(), b.index(groups));
  Value slice = b.div(b.thread(), b.index(groups));
  Value firstColumn = b.mul(b.block(), b.index(columns));
  Value column = b.add(firstColumn, b.mul(group, b.index(width)));
  Value lastRow = b.index(spec.inFeatures - 1);
  auto feature = [&](int64_t step) {
    return b.add(slice, b.index(step * slices));
  };
  auto loadWeights = [&](int64_t begin) {
    SmallVector<Value> loaded;
    int64_t end = std::min(steps, begin + loadsInFlight);
    for (int64_t step = begin; step < end; ++step)
      loaded.push_back(
          b.loadPacked(weight, {b.min(feature(step), lastRow), column}, width));
    return loaded;
  };

  Value partial =
      b.allocateShared({numWarps(), spec.rows, columns}, b.getF32Type());
  SmallVector<Value> weights = loadWeights(0);
  // The element that this thread finishes; the threads past the last one load
  // what others load and store nothing.
  Value element = b.rem(b.thread(), b.index(spec.rows * columns));
  Value row = b.div(element, b.index(columns));
  Value local = b.rem(element, b.index(columns));
  Value resultColumn = b.add(firstColumn, local);
  Epilogue epilogue = loadParameters(resultColumn);
  b.waitForPrevious();
  loadResidual(epilogue, row, resultColumn);
  stageInput();

  SmallVector<SmallVector<Value>> sums(spec.rows,
                                       SmallVector<Value>(width, b.f32(0)));
  for (int64_t begin = 0; begin < steps; begin += loadsInFlight) {
    if (begin)
      weights = loadWeights(begin);
    for (auto [i, packed] : llvm::enumerate(weights)) {
      SmallVector<Value> elements = b.unpack(packed);
      for (int64_t r = 0; r < spec.rows; ++r) {
        Value x = b.loadScalar(staged, {b.index(r), feature(begin + i)});
        for (int64_t j = 0; j < width; ++j)
          sums[r][j] = b.fma(x, elements[j], sums[r][j]);
      }
    }
  }
  for (int64_t r = 0; r < spec.rows; ++r)
    for (Value &sum : sums[r])
      sum = b.sumLanes(sum, KernelBuilder::kWarpSize / groups, groups);
  b.ifThen(b.less(lane(), b.index(groups)), [&] {
    for (int64_t r = 0; r < spec.rows; ++r)
      for (int64_t j = 0; j < width; ++j)
        b.storeScalar(sums[r][j], partial,
                      {warp(), b.index(r),
                       b.add(b.mul(group, b.index(width)), b.index(j))});
  });
  b.barrier();
  b.ifThen(b.less(b.thread(), b.index(spec.rows * columns)), [&] {
    Value sum = b.f32(0);
    for (int64_t w = 0; w < numWarps(); ++w)
      sum = b.add(sum, b.loadScalar(partial, {b.index(w), row, local}));
    finish(row, resultColumn, sum, epilogue);
  });
}

/// A weight [out, in].
void SkinnyLinear::multiplyRows() {
  int64_t outputs = outputsPerWarp(spec);
  int64_t perStep = KernelBuilder::kWarpSize * width;
  int64_t steps = llvm::divideCeil(spec.inFeatures, perStep);
  Value first = b.mul(b.add(b.mul(b.block(), b.index(numWarps())), warp()),
                      b.index(outputs));
  Value stride = b.mul(gpu::GridDimOp::create(b, gpu::Dimension::x),
                       b.index(numWarps() * outputs));
  Value lastOutput = b.index(spec.outFeatures - 1);
  Value lastFeature = b.index(spec.inFeatures - width);
  Value offset = b.mul(lane(), b.index(width));
  auto loadWeights = [&](Value base) {
    SmallVector<Value> loaded;
    for (int64_t u = 0; u < outputs; ++u)
      for (int64_t step = 0; step < steps; ++step)
        loaded.push_back(b.loadPacked(
            weight,
            {b.min(b.add(base, b.index(u)), lastOutput),
             b.min(b.add(offset, b.index(step * perStep)), lastFeature)},
            width));
    return loaded;
  };

  SmallVector<Value> weights = loadWeights(first);
  b.waitForPrevious();
  stageInput();
  b.loop(first, b.index(spec.outFeatures), stride, weights,
         [&](Value base, ValueRange current) {
           SmallVector<Value> next = loadWeights(b.add(base, stride));
           for (int64_t r = 0; r < spec.rows; ++r) {
             SmallVector<Value> sums(outputs, b.f32(0));
             for (int64_t step = 0; step < steps; ++step) {
               auto x = b.loadVector(
                   staged, {b.index(r), b.add(offset, b.index(step * perStep))},
                   width);
               for (int64_t u = 0; u < outputs; ++u) {
                 auto elements = b.unpack(current[u * steps + step]);
                 for (int64_t j = 0; j < width; ++j)
                   sums[u] = b.fma(x[j], elements[j], sums[u]);
               }
             }
             Value mine;
             for (int64_t u = 0; u < outputs; ++u) {
               Value sum = b.sumLanes(sums[u]);
               mine =
                   u ? b.select(b.equal(lane(), b.index(u)), sum, mine) : sum;
             }
             Value output = b.add(base, lane());
             Value valid = arith::AndIOp::create(
                 b, b.less(lane(), b.index(outputs)),
                 b.less(output, b.index(spec.outFeatures)));
             b.ifThen(valid, [&] {
               Epilogue epilogue = loadParameters(output);
               loadResidual(epilogue, b.index(r), output);
               finish(b.index(r), output, mine, epilogue);
             });
           }
           return next;
         });
}

KernelLaunch SkinnyLinear::build() {
  b.getKernel()->setAttr(kNoSpillAttr, b.getUnitAttr());
  b.launchNext();
  staged = b.allocateShared({spec.rows, paddedFeatures(spec)}, b.getF32Type());
  preloadLayerNorm();
  if (spec.transposed)
    multiplyRows();
  else
    multiplyColumns();
  KernelLaunch launch;
  launch.kernel = b.getKernel();
  launch.block = {threads, 1, 1};
  launch.programmatic = true;
  return launch;
}

static LogicalResult verify(Location loc, const SkinnyLinearSpec &spec) {
  int64_t width = SkinnyLinear::elementsPerAccess(spec);
  if (spec.inFeatures % width ||
      (!spec.transposed &&
       spec.outFeatures % SkinnyLinear::columnsPerBlock(spec)))
    return emitError(loc) << "skinny linear: " << spec.inFeatures << " x "
                          << spec.outFeatures << " elements of " << spec.element
                          << " do not divide into accesses of "
                          << KernelBuilder::kAccessBytes << " bytes";
  int64_t warps = SkinnyLinear::numThreads(spec) / KernelBuilder::kWarpSize;
  int64_t shared =
      spec.rows * 4 * (SkinnyLinear::paddedFeatures(spec) + 16 * warps);
  if (spec.rows < 1 || shared > kMaxSharedBytes)
    return emitError(loc) << "skinny linear: " << spec.rows << " rows of "
                          << spec.inFeatures
                          << " features do not fit shared memory";
  return success();
}

FailureOr<KernelLaunch>
mlir::pi::buildSkinnyLinear(gpu::GPUModuleOp module, Location loc,
                            const SkinnyLinearSpec &spec) {
  if (failed(verify(loc, spec)))
    return failure();
  KernelLaunch launch;
  if (gpu::GPUFuncOp kernel = lookupKernel(module, getKernelName(spec))) {
    launch.kernel = kernel;
    launch.block = {SkinnyLinear::numThreads(spec), 1, 1};
    launch.programmatic = true;
  } else {
    launch = SkinnyLinear(module, loc, spec).build();
  }
  int64_t perBlock = SkinnyLinear::columnsPerBlock(spec);
  if (spec.transposed) {
    perBlock = SkinnyLinear::outputsPerWarp(spec) *
               SkinnyLinear::numThreads(spec) / KernelBuilder::kWarpSize;
    launch.grid[0] = std::min(llvm::divideCeil(spec.outFeatures, perBlock),
                              static_cast<uint64_t>(2 * kNumMultiprocessors));
  } else {
    launch.grid[0] = spec.outFeatures / perBlock;
  }
  return launch;
}
