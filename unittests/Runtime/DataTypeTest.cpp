//===- DataTypeTest.cpp - Tests of number formats and sizes ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/DataType.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace pi_runtime;

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// The nearest bfloat16, the even one of two that are equally near, by
/// comparing distances.
static uint16_t nearestBFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  auto below = static_cast<uint16_t>(bits >> 16); // Towards zero.
  auto above = static_cast<uint16_t>(below + 1);
  // The number beyond the largest finite one stands for 2^128 here.
  auto valueOf = [](uint16_t bits) -> double {
    if ((bits & 0x7fff) == 0x7f80)
      return bits & 0x8000 ? -0x1p128 : 0x1p128;
    return bfloat16ToFloat(bits);
  };
  double toBelow = std::abs(value - valueOf(below));
  double toAbove = std::abs(value - valueOf(above));
  if (toBelow != toAbove)
    return toBelow < toAbove ? below : above;
  return below & 1 ? above : below;
}

TEST(DataTypeTest, BFloat16RoundsToNearestEven) {
  std::mt19937 generator(1);
  for (int i = 0; i < 200000; ++i) {
    float value = fromBits(static_cast<uint32_t>(generator()));
    if (!std::isfinite(value))
      continue;
    ASSERT_EQ(floatToBFloat16(value), nearestBFloat16(value)) << value;
  }
  for (uint32_t high = 0; high < 0x7f80; ++high)
    for (uint32_t low : {0x0000u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      float value = fromBits(high << 16 | low);
      ASSERT_EQ(floatToBFloat16(value), nearestBFloat16(value)) << value;
    }
}

TEST(DataTypeTest, BFloat16KeepsInfinityAndNaN) {
  float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(floatToBFloat16(infinity), 0x7f80);
  EXPECT_EQ(floatToBFloat16(-infinity), 0xff80);
  for (uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffffffffu})
    EXPECT_TRUE(std::isnan(bfloat16ToFloat(floatToBFloat16(fromBits(bits)))))
        << std::hex << bits;
}

TEST(DataTypeTest, BFloat16RoundTripIsExact) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    float value = bfloat16ToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value))
      continue;
    ASSERT_EQ(floatToBFloat16(value), bits);
  }
}

TEST(DataTypeTest, HalfToFloatIsExact) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    double expected = exponent == 0x1f ? (fraction ? std::nan("") : INFINITY)
                      : exponent == 0
                          ? std::ldexp(fraction, -24)
                          : std::ldexp(1024 + fraction, exponent - 25);
    if (bits & 0x8000)
      expected = -expected;
    float value = halfToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(value)) << std::hex << bits;
    else
      ASSERT_EQ(value, expected) << std::hex << bits;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << std::hex << bits;
  }
}

TEST(DataTypeTest, ConvertsEachTypeFromUnalignedData) {
  auto convert = [](DataType type, const void *data, size_t size) {
    std::vector<unsigned char> bytes(1 + 2 * size);
    std::memcpy(bytes.data() + 1, data, 2 * size);
    std::vector<float> values(2);
    convertToFloat(type, bytes.data() + 1, values.data(), 2);
    return values;
  };
  std::vector<float> expected = {1.5f, -2.0f};
  float singles[] = {1.5f, -2.0f};
  double doubles[] = {1.5, -2.0};
  uint16_t halves[] = {0x3e00, 0xc000}, brains[] = {0x3fc0, 0xc000};
  EXPECT_EQ(convert(DataType::F32, singles, 4), expected);
  EXPECT_EQ(convert(DataType::F64, doubles, 8), expected);
  EXPECT_EQ(convert(DataType::F16, halves, 2), expected);
  EXPECT_EQ(convert(DataType::BF16, brains, 2), expected);
}

TEST(DataTypeTest, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(DataType::Bool); ++i) {
    auto type = static_cast<DataType>(i);
    EXPECT_EQ(parseDataType(dataTypeName(type)), type);
    EXPECT_GT(dataTypeSize(type), 0u);
  }
  EXPECT_EQ(parseDataType("BF16"), DataType::BF16);
  EXPECT_EQ(parseDataType("F8_E4M3"), DataType::F8E4M3);
  EXPECT_FALSE(parseDataType("f33"));
  EXPECT_FALSE(parseDataType(""));
}

TEST(DataTypeTest, ElementCountRefusesOverflow) {
  int64_t large = int64_t(1) << 40;
  EXPECT_EQ(*checkedElementCount({}), 1u);
  EXPECT_EQ(*checkedElementCount({3, 5}), 15u);
  EXPECT_EQ(*checkedElementCount({int64_t(1) << 48}), uint64_t(1) << 48);
  EXPECT_EQ(*checkedElementCount({large, 0}), 0u);
  EXPECT_FALSE(checkedElementCount({int64_t(1) << 48, 2}));
  EXPECT_FALSE(checkedElementCount({large, large}));
  EXPECT_FALSE(checkedElementCount({0, large, large}));
  EXPECT_FALSE(checkedElementCount({large, large, 0}));
  EXPECT_FALSE(checkedElementCount({-1}));
  EXPECT_FALSE(checkedElementCount({std::numeric_limits<int64_t>::min()}));
  EXPECT_FALSE(checkedElementCount({std::numeric_limits<int64_t>::max(), 2}));
}
