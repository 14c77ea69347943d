//===- DataType.h - Element types and tensor sizes --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_DATATYPE_H
#define PI_RUNTIME_DATATYPE_H

#include "pi/Runtime/Status.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pi_runtime {

/// The element types of safetensors files.
enum class DataType {
  F32,
  F16,
  BF16,
  I32,
  I64,
  F64,
  F8E4M3,
  F8E5M2,
  I8,
  I16,
  U8,
  U16,
  U32,
  U64,
  Bool
};

/// The name in a manifest, such as "f32"; safetensors has it in upper case.
std::string_view dataTypeName(DataType type);
/// The type of a name in either case.
std::optional<DataType> parseDataType(std::string_view name);
/// Bytes of one element.
size_t dataTypeSize(DataType type);
/// Whether parameters may have this type: f32, f16, bf16 and f64, which
/// convertToFloat takes.
bool convertsToFloat(DataType type);

/// Sizes of the dimensions, outermost first; empty for a scalar.
using Shape = std::vector<int64_t>;

/// The most dimensions of a tensor in a file; as many as PyTorch's and NumPy's
/// have.
constexpr size_t maximalRank = 64;

/// The shape as "2 x 128 x 64", or "scalar".
std::string shapeText(const Shape &shape);

/// The product of the sizes, or an error if one is negative or the product
/// passes 2^48, beyond which no tensor is taken seriously.
Result<uint64_t> checkedElementCount(const Shape &shape);

/// A tensor's name, element type and shape. Data is dense and row-major.
struct TensorInfo {
  std::string name;
  DataType dtype = DataType::F32;
  Shape shape;

  /// The number of elements and bytes, of a shape that has been checked.
  uint64_t elementCount() const;
  uint64_t byteSize() const { return elementCount() * dataTypeSize(dtype); }
};

/// bfloat16 of a float, rounded to nearest even; a NaN stays a NaN.
uint16_t floatToBFloat16(float value);
float bfloat16ToFloat(uint16_t bits);
/// The float of an IEEE half, exactly.
float halfToFloat(uint16_t bits);

/// Converts `count` elements of `type`, which converts to float. The source
/// need not be aligned.
void convertToFloat(DataType type, const void *source, float *target,
                    uint64_t count);
/// Converts `count` floats to bfloat16, rounded to nearest even.
void convertToBFloat16(const float *source, uint16_t *target, uint64_t count);

} // namespace pi_runtime

#endif // PI_RUNTIME_DATATYPE_H
