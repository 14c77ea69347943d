// Names that are no UTF-8, as JSON has to be, are written with U+FFFD.
// RUN: pi-opt %s --pi-estimate-cost=format=json -o /dev/null > %t.json
// RUN: FileCheck %s < %t.json
// RUN: %python -m json.tool %t.json /dev/null

// CHECK: "function": "for�ward",
// CHECK: "location": "h�.act",
func.func @"for\FFward"(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = pi.relu %x : tensor<4x8xf32> loc("h\FF.act")
  return %y : tensor<4x8xf32>
}
