//===- DataType.cpp - Element types and tensor sizes ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/DataType.h"

#include <cctype>
#include <cstring>

namespace pi_runtime {

namespace {
struct TypeEntry {
  DataType type;
  std::string_view name;
  size_t size;
  bool convertsToFloat;
};

/// In the order of the enum.
constexpr TypeEntry typeTable[] = {
    {DataType::F32, "f32", 4, true},
    {DataType::F16, "f16", 2, true},
    {DataType::BF16, "bf16", 2, true},
    {DataType::I32, "i32", 4, false},
    {DataType::I64, "i64", 8, false},
    {DataType::F64, "f64", 8, true},
    {DataType::F8E4M3, "f8_e4m3", 1, false},
    {DataType::F8E5M2, "f8_e5m2", 1, false},
    {DataType::I8, "i8", 1, false},
    {DataType::I16, "i16", 2, false},
    {DataType::U8, "u8", 1, false},
    {DataType::U16, "u16", 2, false},
    {DataType::U32, "u32", 4, false},
    {DataType::U64, "u64", 8, false},
    {DataType::Bool, "bool", 1, false},
};

const TypeEntry &entryOf(DataType type) {
  return typeTable[static_cast<size_t>(type)];
}

template <typename T>
T bitCast(uint32_t bits) {
  T value;
  static_assert(sizeof(T) == sizeof(bits));
  std::memcpy(&value, &bits, sizeof(bits));
  return value;
}

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
} // namespace

std::string_view dataTypeName(DataType type) { return entryOf(type).name; }
size_t dataTypeSize(DataType type) { return entryOf(type).size; }
bool convertsToFloat(DataType type) { return entryOf(type).convertsToFloat; }

std::optional<DataType> parseDataType(std::string_view name) {
  std::string lower;
  for (char c : name)
    lower.push_back(static_cast<char>(std::tolower(c & 0x7f)));
  for (const TypeEntry &entry : typeTable)
    if (entry.name == lower)
      return entry.type;
  return std::nullopt;
}

std::string shapeText(const Shape &shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

Result<uint64_t> checkedElementCount(const Shape &shape) {
  constexpr uint64_t limit = uint64_t(1) << 48;
  uint64_t count = 1;
  bool isEmpty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return invalidFile("negative size in shape " + shapeText(shape));
    isEmpty |= size == 0;
    // The product of the other sizes is bounded even beside a size of 0, so
    // that no later product over a part of the shape overflows.
    uint64_t factor = size == 0 ? 1 : static_cast<uint64_t>(size);
    if (factor > limit / count)
      return invalidFile("shape " + shapeText(shape) +
                         " has more than 2^48 elements");
    count *= factor;
  }
  return isEmpty ? 0 : count;
}

uint64_t TensorInfo::elementCount() const {
  uint64_t count = 1;
  for (int64_t size : shape)
    count *= static_cast<uint64_t>(size);
  return count;
}

uint16_t floatToBFloat16(float value) {
  uint32_t bits = bitsOf(value);
  if ((bits & 0x7fffffff) > 0x7f800000) // Rounding may carry into infinity.
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float bfloat16ToFloat(uint16_t bits) {
  return bitCast<float>(static_cast<uint32_t>(bits) << 16);
}

float halfToFloat(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1f;
  uint32_t fraction = bits & 0x3ff;
  if (exponent == 0) { // Zero or subnormal: a multiple of 2^-24.
    float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  // An exponent of all ones stands for infinity and NaN in both formats.
  uint32_t wide = exponent == 0x1f ? 0xff : exponent + 127 - 15;
  return bitCast<float>(sign | wide << 23 | fraction << 13);
}

/// Applies `convert` to `count` elements of type T that need not be aligned.
template <typename T, typename Convert>
static void convertElements(const void *source, float *target, uint64_t count,
                            Convert convert) {
  const auto *bytes = static_cast<const unsigned char *>(source);
  for (uint64_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, bytes + i * sizeof(T), sizeof(T));
    target[i] = convert(element);
  }
}

void convertToFloat(DataType type, const void *source, float *target,
                    uint64_t count) {
  assert(convertsToFloat(type) && "not a type of parameters");
  if (type == DataType::F32)
    std::memcpy(target, source, count * sizeof(float));
  else if (type == DataType::F16)
    convertElements<uint16_t>(source, target, count, halfToFloat);
  else if (type == DataType::BF16)
    convertElements<uint16_t>(source, target, count, bfloat16ToFloat);
  else
    convertElements<double>(source, target, count,
                            [](double value) { return float(value); });
}

void convertToBFloat16(const float *source, uint16_t *target, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i)
    target[i] = floatToBFloat16(source[i]);
}

} // namespace pi_runtime
