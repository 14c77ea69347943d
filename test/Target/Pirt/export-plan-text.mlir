// Names that are no UTF-8, as JSON has to be, are written with U+FFFD.
// RUN: pi-opt %s --pirt-export-plan -o /dev/null > %t.json
// RUN: FileCheck %s < %t.json
// RUN: %python -m json.tool %t.json /dev/null

// CHECK:      "f�": {
// CHECK:        "name": "y�",
// CHECK:      "parameters": {
// CHECK-NEXT:   "w�": 16
// CHECK:        "from": {
// CHECK-NEXT:     "name": "w�",
// CHECK:        "location": "l�",
// CHECK:        "to": {
// CHECK-NEXT:     "name": "s�",
func.func @"f\FF"(%w: memref<4xf32> {pi.parameter = @"w\FF"}, %s: memref<4xf32> {pi.state = "s\FF"},
                  %y: memref<4xf32> {pirt.output = "y\FF"})
    attributes {pirt.arena_bytes = 0 : i64} {
  pirt.copy %w to %s : memref<4xf32> to memref<4xf32> loc("l\FF")
  return
}
