// RUN: pi-opt %s --pi-compute-in-f32 | FileCheck %s
// RUN: pi-opt %s --pi-expand-bfloat16 | FileCheck %s --check-prefix=EXPAND

// An f32 temperature beside bf16 scores; the entropy is f32 as it was, and what
// is given is f32.
// CHECK-LABEL: func.func @mixed(
// CHECK-SAME: %[[X:.*]]: tensor<1x4x24xbf16>, %[[T:.*]]: tensor<2x4xf32>) -> (tensor<1x4x8xf32>, tensor<1x2x4xf32>)
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[X]]
// CHECK-NEXT: %[[R:.*]], %[[E:.*]] = pi.attention %[[WIDE]] temperature %[[T]] heads 2 scale 5.000000e-01 causal : (tensor<1x4x24xf32>, tensor<2x4xf32>) -> (tensor<1x4x8xf32>, tensor<1x2x4xf32>)
// CHECK-NEXT: return %[[R]], %[[E]]
func.func @mixed(%x: tensor<1x4x24xbf16>, %t: tensor<2x4xf32>) -> (tensor<1x4x8xbf16>, tensor<1x2x4xf32>) {
  %0, %1 = pi.attention %x temperature %t heads 2 scale 0.5 causal : (tensor<1x4x24xbf16>, tensor<2x4xf32>) -> (tensor<1x4x8xbf16>, tensor<1x2x4xf32>)
  return %0, %1 : tensor<1x4x8xbf16>, tensor<1x2x4xf32>
}

// CHECK-LABEL: func.func @upstream(
// CHECK: %[[E:.*]] = math.exp %{{.*}} : tensor<4xf32>
// CHECK-NEXT: arith.mulf %[[E]], %{{.*}} : tensor<4xf32>
func.func @upstream(%x: tensor<4xf16>) -> tensor<4xf16> {
  %0 = math.exp %x : tensor<4xf16>
  %1 = arith.mulf %0, %x : tensor<4xf16>
  return %1 : tensor<4xf16>
}

// A function that only others call keeps its type, and so does what is stored.
// CHECK-LABEL: func.func private @initialize.w(
// CHECK-SAME: -> tensor<4xbf16>
// CHECK: pi.relu %{{.*}} : tensor<4xf32>
// CHECK-NEXT: %[[Y:.*]] = arith.truncf
// CHECK-NEXT: return %[[Y]]
func.func private @initialize.w(%x: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = pi.relu %x : tensor<4xbf16>
  return %0 : tensor<4xbf16>
}

// CHECK-LABEL: func.func @update(
// CHECK-SAME: -> (tensor<4xbf16> {pi.parameter = @w})
func.func @update(%x: tensor<4xbf16> {pi.parameter = @w}) -> (tensor<4xbf16> {pi.parameter = @w}) {
  %0 = pi.relu %x : tensor<4xbf16>
  return %0 : tensor<4xbf16>
}
pi.parameter @w : tensor<4xbf16>

// Casts and what moves elements stay, and so do longer formats and a rounding
// that the module asks for.
// CHECK-LABEL: func.func @others(
// CHECK-SAME: %[[X:.*]]: tensor<4xbf16>, %[[Y:.*]]: tensor<2xf64>)
// CHECK-NEXT: tensor.extract_slice %[[X]]{{.*}} : tensor<4xbf16> to tensor<2xbf16>
// CHECK-NEXT: arith.extf %{{.*}} : tensor<2xbf16> to tensor<2xf32>
// CHECK-NEXT: pi.mul %{{.*}} : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
// CHECK-NEXT: return
func.func @others(%x: tensor<4xbf16>, %y: tensor<2xf64>) -> (tensor<2xf32>, tensor<2xf64>) {
  %0 = tensor.extract_slice %x[0] [2] [1] : tensor<4xbf16> to tensor<2xbf16>
  %1 = arith.extf %0 : tensor<2xbf16> to tensor<2xf32>
  %2 = pi.mul %y, %y : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
  return %1, %2 : tensor<2xf32>, tensor<2xf64>
}

// CHECK-LABEL: func.func @rounded(
// CHECK: arith.truncf
// CHECK-NEXT: arith.extf
// EXPAND-LABEL: func.func @rounded(
// EXPAND-NOT: arith.truncf
// EXPAND-NOT: arith.extf
// EXPAND: arith.bitcast %{{.*}} : i16 to bf16
// EXPAND: arith.shli
// EXPAND: return
func.func @rounded(%x: f32) -> f32 {
  %0 = arith.truncf %x : f32 to bf16
  %1 = arith.extf %0 : bf16 to f32
  return %1 : f32
}
