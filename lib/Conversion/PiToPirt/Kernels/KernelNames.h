//===- KernelNames.h - Names of kernels from their specs ----------*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_KERNELS_KERNELNAMES_H
#define PI_CONVERSION_PITOPIRT_KERNELS_KERNELNAMES_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

namespace mlir::pi {

/// Collects the parts of a kernel's name, which encode its spec.
class KernelName {
public:
  explicit KernelName(StringRef kind) : name(kind) {}
  KernelName &add(StringRef part) {
    name += '_';
    name += part;
    return *this;
  }
  KernelName &add(StringRef key, int64_t value) {
    return add((key + Twine(value)).str());
  }
  KernelName &addIf(bool condition, StringRef part) {
    return condition ? add(part) : *this;
  }
  KernelName &add(Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return add(text);
  }
  /// The bits of a number, as f32.
  KernelName &add(StringRef key, double value) {
    float narrow = static_cast<float>(value);
    return add((key + llvm::utohexstr(llvm::bit_cast<uint32_t>(narrow))).str());
  }
  /// What tells lists of numbers apart that are too long for a name.
  KernelName &addHash(ArrayRef<int64_t> numbers) {
    return add(
        llvm::utohexstr(llvm::xxh3_64bits(ArrayRef(
                            reinterpret_cast<const uint8_t *>(numbers.data()),
                            numbers.size() * sizeof(int64_t))),
                        /*LowerCase=*/true));
  }
  std::string str() const { return name; }

private:
  std::string name;
};

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOPIRT_KERNELS_KERNELNAMES_H
