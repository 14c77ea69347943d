//===- Passes.td - From a model to its loss and gradients --*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_TRAINING_PASSES_TD
#define PI_TRANSFORMS_TRAINING_PASSES_TD

include "mlir/Pass/PassBase.td"

def PiBuildLoss : Pass<"pi-build-loss", "::mlir::ModuleOp"> {
  let summary = "make @loss, which training minimises, from @forward";
  let description = [{
    From `@forward(input_ids B x T) -> logits B x T x V` makes
    `@loss(input_ids, targets B x T of i32) -> loss`: the cross-entropy of the
    logits, plus the mean of all values that `pi.add_loss` adds in `@forward`,
    one for each layer. `@forward` stays as it is. The new function has the
    attribute `pi.training`: `pi-strip-training` leaves it alone.

    Logits that a `pi.linear` without bias gives are never all in memory:
    `pi.linear_cross_entropy` stands for both. Of other logits,
    `pi.cross_entropy` is taken.

    Before:

    ```mlir
    func.func @forward(%ids: tensor<1x16xi32> {pi.name = "input_ids"}, %table: tensor<384x64xf32> {pi.name = "table"})
        -> (tensor<1x16x384xf32> {pi.name = "logits"}) {
      %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
      %logits = pi.linear %x, %table transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
      return %logits : tensor<1x16x384xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%ids: tensor<1x16xi32> {pi.name = "input_ids"}, %table: tensor<384x64xf32> {pi.name = "table"})
        -> (tensor<1x16x384xf32> {pi.name = "logits"}) {
      %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
      %logits = pi.linear %x, %table transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
      return %logits : tensor<1x16x384xf32>
    }
    func.func @loss(%ids: tensor<1x16xi32> {pi.name = "input_ids"}, %table: tensor<384x64xf32> {pi.name = "table"},
        %targets: tensor<1x16xi32> {pi.name = "targets"}) -> (tensor<f32> {pi.name = "loss"}) attributes {pi.training} {
      %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
      %loss = pi.linear_cross_entropy %x, %table transposed, %targets ignore_index -100 : (tensor<1x16x64xf32>, tensor<384x64xf32>, tensor<1x16xi32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    ```
  }];
  let options = [
    Option<"ignoreIndex", "ignore-index", "int32_t", "-100",
           "Target of positions that do not count">
  ];
  let statistics = [
    Statistic<"numAdded", "added", "Values that join the cross-entropy">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::func::FuncDialect"];
}

def PiDifferentiate : Pass<"pi-differentiate", "::mlir::ModuleOp"> {
  let summary = "make the function that computes gradients of a loss";
  let description = [{
    From a function that gives one float scalar makes `@gradients`, which takes
    the same arguments and gives the scalar and then, for each parameter that
    the function reads, in the order of first reads, the gradient with respect
    to it: a tensor of its type, marked `pi.gradient = @parameter`. A parameter
    that does not reach the scalar has gradient 0. A derived parameter is
    trained in its own right: nothing flows into what it was derived from.

    The forward part is what `DifferentiableOpInterface::buildForward` gives,
    the reverse part composes the rules of the operations, in reverse order.
    What flows into a value from several users is summed by `pi.add`, last user
    first, so the result is always the same. Gradients that no parameter needs
    are not computed. An operation that stands between a parameter and the
    scalar and has no rule is an error.

    Before:

    ```mlir
    pi.parameter @w : tensor<8x4xf32>
    func.func @loss(%x: tensor<2x8xf32>, %t: tensor<2xi32>) -> tensor<f32> {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    ```

    After:

    ```mlir
    pi.parameter @w : tensor<8x4xf32>
    func.func @loss(%x: tensor<2x8xf32>, %t: tensor<2xi32>) -> tensor<f32> {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    func.func @gradients(%x: tensor<2x8xf32>, %t: tensor<2xi32>)
        -> (tensor<f32>, tensor<8x4xf32> {pi.gradient = @w}) attributes {pi.training} {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      %one = arith.constant dense<1.0> : tensor<f32>
      %dy = pi.cross_entropy_grad %one, %y, %t ignore_index -100 : (tensor<f32>, tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
      %dw = pi.matmul %x transposed, %dy : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<8x4xf32>
      return %loss, %dw : tensor<f32>, tensor<8x4xf32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", "\"loss\"",
           "Function to differentiate">,
    Option<"gradients", "gradients", "std::string", "\"gradients\"",
           "Name of the function to be made">
  ];
  let statistics = [
    Statistic<"numRules", "rules", "Operations differentiated">,
    Statistic<"numGradients", "gradients", "Parameters with a gradient">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::func::FuncDialect"];
}

def PiAddOptimizer : Pass<"pi-add-optimizer", "::mlir::ModuleOp"> {
  let summary = "make the train step from @gradients";
  let description = [{
    Turns `@gradients(input_ids, targets) -> (loss, gradients...)`, as
    `pi-differentiate` makes it, into `@train_step`, which also updates every
    parameter that has a gradient, and erases `@loss`. It takes further
    `learning_rate`, `weight_decay` and `max_grad_norm`, scalars of f32, and
    `step`, a scalar of i32 which is 1 for the first update, and gives the loss
    and `grad_norm`, the norm of all gradients before clipping. What the
    optimizer keeps for parameter P are the states `P.exp_avg` and
    `P.exp_avg_sq`. Weight decay applies to parameters marked `decay`. Where the
    norm is not finite, nothing is changed.

    With `accumulate` there are two functions instead, for batches that do not
    fit at once: `@accumulate_gradients(input_ids, targets) -> loss` adds the
    gradients to states `P.gradient`, and `@apply_gradients(learning_rate,
    weight_decay, max_grad_norm, step, micro_batches) -> grad_norm` updates by
    their mean over `micro_batches`, a scalar of i32, and sets them to zero.

    Before:

    ```mlir
    pi.parameter @w : tensor<8x4xf32> decay
    func.func @gradients(%x: tensor<2x8xf32> {pi.name = "x"}, %t: tensor<2xi32> {pi.name = "targets"})
        -> (tensor<f32> {pi.name = "loss"}, tensor<8x4xf32> {pi.gradient = @w}) attributes {pi.training} {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      %one = arith.constant dense<1.0> : tensor<f32>
      %dy = pi.cross_entropy_grad %one, %y, %t ignore_index -100 : (tensor<f32>, tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
      %dw = pi.matmul %x transposed, %dy : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<8x4xf32>
      return %loss, %dw : tensor<f32>, tensor<8x4xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @w : tensor<8x4xf32> decay
    pi.state @w.exp_avg : tensor<8x4xf32>
    pi.state @w.exp_avg_sq : tensor<8x4xf32>
    func.func @train_step(%x: tensor<2x8xf32> {pi.name = "x"}, %t: tensor<2xi32> {pi.name = "targets"},
        %lr: tensor<f32> {pi.name = "learning_rate"}, %wd: tensor<f32> {pi.name = "weight_decay"},
        %max: tensor<f32> {pi.name = "max_grad_norm"}, %step: tensor<i32> {pi.name = "step"})
        -> (tensor<f32> {pi.name = "loss"}, tensor<f32> {pi.name = "grad_norm"}) attributes {pi.training} {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      %one = arith.constant dense<1.0> : tensor<f32>
      %dy = pi.cross_entropy_grad %one, %y, %t ignore_index -100 : (tensor<f32>, tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
      %dw = pi.matmul %x transposed, %dy : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<8x4xf32>
      %norm = pi.global_norm %dw : tensor<8x4xf32>
      %c = pi.clip_coefficient %norm, %max
      %m = pi.load @w.exp_avg : tensor<8x4xf32>
      %v = pi.load @w.exp_avg_sq : tensor<8x4xf32>
      %w1, %m1, %v1 = pi.adamw %w gradient %dw moments %m, %v learning_rate %lr weight_decay %wd step %step
          coefficient %c beta1 0.9 beta2 0.95 epsilon 1.0e-8 decay : tensor<8x4xf32>
      pi.store %w1, @w : tensor<8x4xf32>
      pi.store %m1, @w.exp_avg : tensor<8x4xf32>
      pi.store %v1, @w.exp_avg_sq : tensor<8x4xf32>
      return %loss, %norm : tensor<f32>, tensor<f32>
    }
    ```
  }];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"",
           "How gradients update parameters: adamw">,
    Option<"beta1", "beta1", "double", "0.9",
           "What a step leaves of the mean of gradients">,
    Option<"beta2", "beta2", "double", "0.95",
           "What a step leaves of the mean of squared gradients">,
    Option<"epsilon", "epsilon", "double", "1e-8",
           "Joins the root of the mean of squares in the denominator">,
    Option<"accumulate", "accumulate", "bool", "false",
           "Add up the gradients of several batches for an update">
  ];
  let statistics = [
    Statistic<"numParameters", "parameters", "Parameters that are updated">,
    Statistic<"numStates", "states", "States that the optimizer keeps">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect"];
}

def PiBuildEvaluation : Pass<"pi-build-evaluation", "::mlir::ModuleOp"> {
  let summary = "make @evaluate, which validation runs, from @forward";
  let description = [{
    Turns `@forward(input_ids B x T) -> logits B x T x V` into
    `@evaluate(input_ids, targets B x T of i32)`, which gives the cross-entropy
    of the logits, without what `pi.add_loss` adds, and for each attention an
    output `entropy.LOCATION`: the mean entropy of the rows of each head over
    batch and positions, in nats.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<2x3x24xf32> {pi.name = "qkv"}) -> (tensor<2x3x8xf32> {pi.name = "logits"}) {
      %y = pi.attention %qkv heads 4 scale 0.7 causal : (tensor<2x3x24xf32>) -> (tensor<2x3x8xf32>) loc("h.0.attn")
      return %y : tensor<2x3x8xf32>
    }
    ```

    After:

    ```mlir
    func.func @evaluate(%qkv: tensor<2x3x24xf32> {pi.name = "qkv"}, %t: tensor<2x3xi32> {pi.name = "targets"})
        -> (tensor<f32> {pi.name = "cross_entropy"}, tensor<4xf32> {pi.name = "entropy.h.0.attn"}) attributes {pi.training} {
      %y, %e = pi.attention %qkv heads 4 scale 0.7 causal : (tensor<2x3x24xf32>) -> (tensor<2x3x8xf32>, tensor<2x4x3xf32>)
      %m = pi.mean_entropy %e : (tensor<2x4x3xf32>) -> tensor<4xf32>
      %ce = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x3x8xf32>, tensor<2x3xi32>) -> tensor<f32>
      return %ce, %m : tensor<f32>, tensor<4xf32>
    }
    ```
  }];
  let options = [
    Option<"ignoreIndex", "ignore-index", "int32_t", "-100",
           "Target of positions that do not count">
  ];
  let statistics = [
    Statistic<"numAttentions", "attentions", "Attentions whose entropy is given">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::func::FuncDialect"];
}

def PiBuildFiniteCheck : Pass<"pi-build-finite-check", "::mlir::ModuleOp"> {
  let summary = "make @check_finite from @gradients";
  let description = [{
    From `@gradients` makes `@check_finite`, which takes the same inputs and
    computes the same values, but gives, for each operation that computes floats,
    in order, a scalar of i32: 1 if all its results are finite, else 0. Its name
    is `NUMBER.LOCATION.OPERATION`, counted from 0. So the first output that is 0
    says where a run that has failed began to.

    Before:

    ```mlir
    pi.parameter @w : tensor<8xf32>
    func.func @gradients(%x: tensor<2x8xf32>) -> (tensor<f32>, tensor<8xf32> {pi.gradient = @w}) attributes {pi.training} {
      %w = pi.load @w : tensor<8xf32>
      %y = pi.mul %x, %w : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32> loc("scale")
      %s = pi.reduce_leading %y : (tensor<2x8xf32>) -> tensor<f32> loc("total")
      %d = pi.reduce_leading %x : (tensor<2x8xf32>) -> tensor<8xf32> loc("scale")
      return %s, %d : tensor<f32>, tensor<8xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @w : tensor<8xf32>
    func.func @gradients(%x: tensor<2x8xf32>) -> (tensor<f32>, tensor<8xf32> {pi.gradient = @w}) attributes {pi.training} {
      %w = pi.load @w : tensor<8xf32>
      %y = pi.mul %x, %w : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
      %s = pi.reduce_leading %y : (tensor<2x8xf32>) -> tensor<f32>
      %d = pi.reduce_leading %x : (tensor<2x8xf32>) -> tensor<8xf32>
      return %s, %d : tensor<f32>, tensor<8xf32>
    }
    func.func @check_finite(%x: tensor<2x8xf32>)
        -> (tensor<i32> {pi.name = "0.scale.mul"}, tensor<i32> {pi.name = "1.total.reduce_leading"},
            tensor<i32> {pi.name = "2.scale.reduce_leading"}) attributes {pi.training} {
      %w = pi.load @w : tensor<8xf32>
      %y = pi.mul %x, %w : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
      %0 = pi.is_finite %y : tensor<2x8xf32>
      %s = pi.reduce_leading %y : (tensor<2x8xf32>) -> tensor<f32>
      %1 = pi.is_finite %s : tensor<f32>
      %d = pi.reduce_leading %x : (tensor<2x8xf32>) -> tensor<8xf32>
      %2 = pi.is_finite %d : tensor<8xf32>
      return %0, %1, %2 : tensor<i32>, tensor<i32>, tensor<i32>
    }
    ```
  }];
  let statistics = [
    Statistic<"numChecks", "checks", "Operations whose results are checked">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::func::FuncDialect"];
}

def PiPlanRecomputation : Pass<"pi-plan-recomputation", "::mlir::ModuleOp"> {
  let summary = "keep within a memory budget by computing values again";
  let description = [{
    In functions for training (`pi.training`), what the forward part gives and
    the backward part reads is kept in between. Where that takes more than
    `budget` bytes, some of it is computed again instead: the operation is
    cloned right before the first reader behind the peak, and the clone marked
    `pi.recomputed`, so that nothing merges it with the first or runs it early.
    The results are the same numbers. (A GPU fuses products with
    what follows them, and where that changes, so does how they are rounded.)

    Memory is estimated by liveness in the block, at the element types there: a
    tensor takes its bytes from the operation that gives it to the last that
    reads it. Arguments, parameters, states, results of the function and
    constants take none, and reshapes are views. So before `pi-lower-precision`
    the budget speaks of f32; behind it, of what is left in bf16. What a kernel
    needs beside its results is not known here.

    Which operations may run again, and at what cost, `RecomputableOpInterface`
    says. Where the most memory is in use, one of the values is chosen that the
    operation there does not read: the one whose bytes are most for the cost of
    computing it again. What that reads is kept for longer, and counted, or
    computed again too. This goes on until the peak fits. No boundary between
    forward and backward is needed, and no operation runs more than twice. The
    trade of time for memory is that of Chen et al. (arXiv 1604.06174); an
    optimal choice, as that of Checkmate (arXiv 1910.02653), takes an integer
    program.

    A remark for each function gives the bytes before and after, and how many
    operations run again. A budget that cannot be met is a warning, or an error
    with `strict`, that gives the smallest peak reached. `budget=0` changes
    nothing.

    Before:

    ```mlir
    func.func @gradients(%x: tensor<8x16xf32>, %d: tensor<8x16xf32>, %w: tensor<16x16xf32>)
        -> (tensor<8x16xf32>, tensor<16x16xf32>) attributes {pi.training} {
      %u = pi.linear %x, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
      %a = pi.gelu %u approximate tanh : tensor<8x16xf32>
      %v = pi.linear %a, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
      %b = pi.gelu %v approximate tanh : tensor<8x16xf32>
      %y = pi.linear %b, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
      %db = pi.mul %d, %y : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
      %dv = pi.gelu_grad %db, %v approximate tanh : tensor<8x16xf32>
      %dw = pi.matmul %a transposed, %dv : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<16x16xf32>
      %du = pi.gelu_grad %dv, %u approximate tanh : tensor<8x16xf32>
      return %du, %dw : tensor<8x16xf32>, tensor<16x16xf32>
    }
    ```

    After `--pi-plan-recomputation=budget=2048`:

    ```mlir
    func.func @gradients(%x: tensor<8x16xf32>, %d: tensor<8x16xf32>, %w: tensor<16x16xf32>)
        -> (tensor<8x16xf32>, tensor<16x16xf32>) attributes {pi.training} {
      %u = pi.linear %x, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
      %a = pi.gelu %u approximate tanh : tensor<8x16xf32>
      %v = pi.linear %a, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
      %b = pi.gelu %v approximate tanh : tensor<8x16xf32>
      %y = pi.linear %b, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
      %db = pi.mul %d, %y : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
      %dv = pi.gelu_grad %db, %v approximate tanh : tensor<8x16xf32>
      %a2 = pi.gelu %u approximate tanh {pi.recomputed} : tensor<8x16xf32>
      %dw = pi.matmul %a2 transposed, %dv : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<16x16xf32>
      %du = pi.gelu_grad %dv, %u approximate tanh : tensor<8x16xf32>
      return %du, %dw : tensor<8x16xf32>, tensor<16x16xf32>
    }
    ```
  }];
  let options = [
    Option<"budget", "budget", "uint64_t", "0",
           "Bytes that the tensors of a function may take at a time; 0 for any "
           "number">,
    Option<"strict", "strict", "bool", "false",
           "A budget that cannot be met is an error">
  ];
  let statistics = [
    Statistic<"bytesBefore", "bytes-before",
              "Most bytes at a time in a function, without recomputation">,
    Statistic<"bytesAfter", "bytes-after",
              "Most bytes at a time in a function, with it">,
    Statistic<"numRecomputed", "recomputed", "Operations that run again">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::func::FuncDialect"];
}

#endif // PI_TRANSFORMS_TRAINING_PASSES_TD
