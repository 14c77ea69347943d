// Names that are no UTF-8, as JSON has to be, are written with U+FFFD.
// RUN: pi-translate --pi-to-stablehlo %s -o /dev/null --interface=%t.json
// RUN: FileCheck %s < %t.json
// RUN: %python -m json.tool %t.json /dev/null

// CHECK:      "arguments": [
// CHECK:      "name": "x�",
// CHECK:      "name": "w�",
// CHECK:      "parameters": [
// CHECK:      "name": "w�",
// CHECK:      "results": [
// CHECK:      "name": "y�",
// CHECK:      "location": "h�.mlp",
pi.parameter @"w\FF" : tensor<8x8xf32>
func.func @forward(%x: tensor<1x4x8xf32> {pi.name = "x\FF"}) -> (tensor<1x4x8xf32> {pi.name = "y\FF"}) {
  %w = pi.load @"w\FF" : tensor<8x8xf32>
  %y = pi.linear %x, %w : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32> loc("h\FF.mlp")
  return %y : tensor<1x4x8xf32>
}
