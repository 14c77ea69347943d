//===- Passes.td - Reports on private inference ------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_COST_PASSES_TD
#define PI_COST_PASSES_TD

include "mlir/Pass/PassBase.td"

/// A pass that reads one function of a module and writes a report.
class PI_ReportPass<string name> : Pass<name, "::mlir::ModuleOp"> {
  list<Option> reportOptions = [
    Option<"function", "function", "std::string", "\"\"",
           "The function to report on; `forward`, or the only one, if empty">,
    Option<"output", "output", "std::string", "\"-\"",
           "The file to write, which appears when it is complete; - is the "
           "standard output">
  ];
}

def PiCountNonlinear : PI_ReportPass<"pi-count-nonlinear"> {
  let summary = "count nonlinear operations";
  let description = [{
    Counts the nonlinear functions of an inference function by kind, instances
    and shape, in the notation of Entropy-Guided Attention (arXiv 2501.03489):
    `SM` softmax, `LN` LayerNorm, `G` GELU, `R` ReLU, `P` polynomial, `AM`
    argmax. The LayerNorm before the head has its own line, since the paper's
    tables do not count it. Operations that only training needs are left out.

    ```mlir
    func.func @forward(%x: tensor<1x16x64xf32>, %y: tensor<1x16x192xf32>)
        -> (tensor<1x16x64xf32>, tensor<1x16x64xf32>) {
      %a = pi.attention %y heads 4 scale 0.25 causal
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      %r = pi.relu %x : tensor<1x16x64xf32>
      return %a, %r : tensor<1x16x64xf32>, tensor<1x16x64xf32>
    }
    ```

    prints

    ```
    layers: SM 4xR^{16x16}, R 1xR^{16x64}
    ```
  }];
  let options = reportOptions;
  let statistics = [
    Statistic<"numFunctions", "functions-counted",
              "Instances of nonlinear functions">
  ];
}

def PiEstimateCost : PI_ReportPass<"pi-estimate-cost"> {
  let summary = "estimate the cost of private inference";
  let description = [{
    Adds up what one execution of an inference function costs under a protocol
    of two parties and a network: bytes sent by both parties, rounds (a message
    and its answer), and seconds as local work + bytes / bandwidth + rounds x
    round trip. An operation that has no cost is an error that names it, and
    nothing is written. Operations that only training needs are left out. With
    `flops`, 2 is counted for each multiply-accumulate of a linear, and 3 T^2 d
    for the core of attention, as the paper's tables do. docs/cost-model.md has
    the formulas, the constants and their sources.

    The protocol `cheetah` with the network `paper` stands for the run behind
    the tables of Entropy-Guided Attention. Another network is given as
    `network=bandwidth=1Gbps,rtt=10ms` or `network={bandwidth=1Gbps rtt=10ms}`.

    ```mlir
    func.func @forward(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %r = pi.relu %x : tensor<1x16x64xf32>
      return %r : tensor<1x16x64xf32>
    }
    ```

    A report in JSON has these members, where a shape is a list of sizes:

    ```
    {"schema_version": 1, "function": S, "protocol": S, "network": S,
     "options": {"weights": S, "tokens": S, "softmax_division": S},
     "network_parameters": {"bandwidth_bits_per_second": N, "rtt_seconds": N},
     "totals": {"bytes": N, "rounds": N, "seconds": N,
                "flops": {"ffn": N, "attention": N, "head": N, "other": N}},
     "nonlinear": [{"kind": S, "count": N, "shape": [N], "site": S} ],
     "operations": [{"location": S, "op": S, "bytes": N, "rounds": N,
                     "seconds": N} ],
     "calibrated": [S]}
    ```
  }];
  let options = !listconcat(reportOptions, [
    Option<"protocol", "protocol", "std::string", "\"cheetah\"",
           "cheetah, spu-0.9.5, bumblebee or cryptflow2">,
    Option<"network", "network", "std::string", "\"paper\"",
           "paper, lan, wan, or bandwidth=1Gbps,rtt=10ms">,
    Option<"computeScale", "compute-scale", "double", "1",
           "Local work takes so many times as long as on the machines on which "
           "the protocol was measured">,
    Option<"weights", "weights", "std::string", "\"\"",
           "`shared` if weights are secret-shared, `known` if one party holds "
           "them in the clear; as the function says if empty">,
    Option<"tokens", "tokens", "std::string", "\"\"",
           "`shared` if tokens are secret-shared, `known` if the other party "
           "holds them in the clear and makes their one-hot rows; as the "
           "function says if empty">,
    Option<"softmaxDivision", "softmax-division", "std::string", "\"rows\"",
           "`rows` to multiply by the reciprocal of each row's sum, `elements` "
           "to divide each element">,
    Option<"format", "format", "std::string", "\"table\"", "table or json">
  ]);
  let statistics = [
    Statistic<"numOperations", "operations-costed",
              "Parts of operations that cost something">
  ];
}

#endif // PI_COST_PASSES_TD
