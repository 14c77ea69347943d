//===- LocationName.h - What an operation is called in reports --*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_SUPPORT_LOCATIONNAME_H
#define PI_SUPPORT_LOCATIONNAME_H

#include "mlir/IR/Operation.h"

#include <string>

namespace mlir::pi {

/// The name of an operation's location, or where it stands in its file, or else
/// its kind, as UTF-8: what is none becomes U+FFFD.
std::string getLocationName(Operation *op);

} // namespace mlir::pi

#endif // PI_SUPPORT_LOCATIONNAME_H
