// RUN: pi-opt %s --pi-plan-recomputation='budget=1000 strict=true' -split-input-file -verify-diagnostics
// RUN: pi-opt %s --pi-plan-recomputation=budget=1000 -split-input-file 2>&1 | FileCheck %s --check-prefix=WARNING
// RUN: not pi-opt %s --pi-plan-recomputation=budget=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not pi-opt %s --pi-plan-recomputation=budget=8GB 2>&1 | FileCheck %s --check-prefix=UNIT
// RUN: not pi-opt %s --pi-build-train-step=recomputation-budget=all 2>&1 | FileCheck %s --check-prefix=PIPELINE

// NEGATIVE: '-1' value invalid for ulong argument
// UNIT: '8GB' value invalid for ulong argument
// PIPELINE: 'all' value invalid for ulong argument

// Operands and result of the GELU are all there is.
// WARNING: warning: @tight needs 1024 bytes with all recomputation that helps, more than the budget of 1000
// WARNING: remark: @tight takes 1024 bytes, without recomputation 1536; 1 operations run again
// expected-error @+1 {{@tight needs 1024 bytes with all recomputation that helps, more than the budget of 1000}}
func.func @tight(%x: tensor<8x16xf32>) -> tensor<8x16xf32> attributes {pi.training} {
  %a = pi.relu %x : tensor<8x16xf32>
  %b = pi.gelu %a approximate tanh : tensor<8x16xf32>
  %c = pi.gelu %b approximate tanh : tensor<8x16xf32>
  %d = pi.gelu %c approximate tanh : tensor<8x16xf32>
  %e = pi.mul %d, %a : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %e : tensor<8x16xf32>
}

// -----

// Types may ask for more bytes than a number holds.
// WARNING: warning: @huge needs {{[0-9]+}} bytes
// expected-error @+1 {{bytes with all recomputation that helps, more than the budget of 1000}}
func.func @huge(%x: tensor<4000000000x4000000000x16xf32>) -> tensor<4000000000x4000000000x16xf32> attributes {pi.training} {
  %a = pi.relu %x : tensor<4000000000x4000000000x16xf32>
  %b = pi.gelu %a approximate tanh : tensor<4000000000x4000000000x16xf32>
  %c = pi.gelu %b approximate tanh : tensor<4000000000x4000000000x16xf32>
  %d = pi.mul %c, %a : (tensor<4000000000x4000000000x16xf32>, tensor<4000000000x4000000000x16xf32>) -> tensor<4000000000x4000000000x16xf32>
  return %d : tensor<4000000000x4000000000x16xf32>
}
