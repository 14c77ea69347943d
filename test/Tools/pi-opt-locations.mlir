// Locations survive in files, which other tools read, and are left out on a
// terminal, which people read.
// RUN: pi-opt %s -o %t.mlir && FileCheck %s --input-file=%t.mlir
// RUN: pi-opt %s --mlir-print-debuginfo=false -o %t.mlir && FileCheck %s --check-prefix=PLAIN --input-file=%t.mlir
// RUN: pi-opt %s | FileCheck %s --check-prefix=PLAIN
// RUN: pi-opt %s -o - | FileCheck %s --check-prefix=PLAIN

// CHECK: loc("wte.weight")
// PLAIN-NOT: loc(
pi.parameter @wte.weight : tensor<384x64xf32> loc("wte.weight")
