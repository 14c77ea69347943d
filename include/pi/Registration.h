//===- Registration.h - All dialects and passes of the project --*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_REGISTRATION_H
#define PI_REGISTRATION_H

namespace mlir {
class DialectRegistry;

namespace pi {

/// Registers the project's dialects and the upstream ones it is lowered to.
void registerAllDialects(DialectRegistry &registry);

/// Registers the project's passes and pipelines and the upstream passes.
void registerAllPasses();

} // namespace pi
} // namespace mlir

#endif // PI_REGISTRATION_H
