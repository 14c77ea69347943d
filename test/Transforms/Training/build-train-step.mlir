// A model in three functions for training; @forward, @loss and @gradients are
// gone.
// RUN: pi-opt %s --pi-build-train-step | FileCheck %s --implicit-check-not=func.func
// RUN: pi-opt %s --pi-build-train-step='accumulate=true ignore-index=-1' | FileCheck %s --check-prefix=SUM --implicit-check-not=func.func
// RUN: pi-opt %s --pi-build-train-step=recomputation-budget=100000 -o /dev/null 2>&1 | FileCheck %s --check-prefix=BUDGET

// Every function of the step keeps within the budget.
// BUDGET-DAG: remark: @evaluate takes
// BUDGET-DAG: remark: @train_step takes
// BUDGET-DAG: remark: @check_finite takes

pi.parameter @theta : tensor<4xf32>
pi.parameter @qkv : tensor<2x3x24xf32> decay

// The penalty is no part of what models are compared by, nor is its threshold.
// CHECK: func.func @evaluate(%[[T:[^:]*]]: tensor<2x3xi32> {pi.name = "targets"})
// CHECK-SAME: -> (tensor<f32> {pi.name = "cross_entropy"}, tensor<4xf32> {pi.name = "entropy.h.0.attn"}) attributes {pi.training}
// CHECK-NOT: @theta
// CHECK: %[[Y:.*]], %[[E:.*]] = pi.attention
// CHECK: %[[M:.*]] = pi.mean_entropy %[[E]]
// CHECK: %[[CE:.*]] = pi.cross_entropy %[[Y]], %[[T]] ignore_index -100
// CHECK: return %[[CE]], %[[M]]
// CHECK: func.func @train_step
// CHECK: pi.entropy_penalty
// CHECK-COUNT-2: pi.adamw
// Each operation has a number, in order, forward and backward; loads have none.
// CHECK: func.func @check_finite
// CHECK-SAME: -> (tensor<i32> {pi.name = "0.h.0.attn.attention"}, tensor<i32> {pi.name = "1.penalty.entropy_penalty"}
// CHECK-SAME: {pi.name = "{{[0-9]+}}.h.0.attn.attention_grad"}) attributes {pi.training}
// CHECK: pi.attention
// CHECK-NEXT: pi.is_finite {{.*}} : tensor<2x3x8xf32>, tensor<2x4x3xf32>, tensor<2x4x3xf32>

// SUM: func.func @evaluate
// SUM: ignore_index -1 :
// SUM: func.func @accumulate_gradients
// SUM: ignore_index -1 :
// SUM: func.func @apply_gradients
// SUM: func.func @check_finite
func.func @forward() -> (tensor<2x3x8xf32> {pi.name = "logits"}) {
  %theta = pi.load @theta : tensor<4xf32>
  %qkv = pi.load @qkv : tensor<2x3x24xf32>
  %y, %e = pi.attention %qkv heads 4 scale 0.7 causal : (tensor<2x3x24xf32>) -> (tensor<2x3x8xf32>, tensor<2x4x3xf32>) loc("h.0.attn")
  %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<2x4x3xf32>, tensor<4xf32>) -> tensor<f32> loc("penalty")
  pi.add_loss %p : tensor<f32>
  return %y : tensor<2x3x8xf32>
}
