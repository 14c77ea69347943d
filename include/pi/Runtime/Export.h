//===- Export.h - Marks what the shared library exports ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_EXPORT_H
#define PI_RUNTIME_EXPORT_H

#define PI_RUNTIME_API __attribute__((visibility("default")))

#endif /* PI_RUNTIME_EXPORT_H */
