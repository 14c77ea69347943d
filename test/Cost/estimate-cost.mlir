// One report of each form. What the numbers should be is tested in
// unittests/Cost and in published.test; here they follow from constants.

// RUN: pi-opt %s --pi-estimate-cost="protocol=cheetah network=lan" -o /dev/null | FileCheck %s --check-prefix=TABLE
// RUN: pi-opt %s --pi-estimate-cost="protocol=cheetah network=lan format=json output=%t.json" -o /dev/null
// RUN: FileCheck %s --check-prefix=JSON < %t.json
// RUN: %python -m json.tool %t.json > /dev/null

// A ReLU of n = 16 * 64 elements sends 690.5 + 133 bits for each: 105,408 B.

// TABLE:       Private inference of @forward: protocol cheetah, network lan (3072.00 Mbps, 0.30 ms)
// TABLE:       location             count       sent  share  rounds    time
// TABLE:       session                  1  189.00 MB  {{.*}}       0  0.49 s
// TABLE-NEXT:  h.*.attn.scores          2
// TABLE-NEXT:  h.*.attn.softmax         2
// TABLE-NEXT:  h.*.attn.context         2
// TABLE-NEXT:  h.*.mlp.act              1  105.41 kB   0.1%       6  0.00 s
// TABLE-NEXT:  {{.*}}estimate-cost.mlir:[[#]]:8   1
// TABLE:       total
// TABLE:       nonlinear: SM 8xR^{16x16}, R 1xR^{16x64}
// TABLE-NEXT:  FLOPs: FFN 0.0B, attention 0.0B, head 0.0B
// TABLE-NEXT:  calibrated: bytes per softmax element, {{.*}}seconds per one-hot element

// JSON:        "schema_version": 1,
// JSON-NEXT:   "function": "forward",
// JSON-NEXT:   "protocol": "cheetah",
// JSON-NEXT:   "network": "lan",
// JSON-NEXT:   "options": {
// JSON-NEXT:     "weights": "shared",
// JSON-NEXT:     "tokens": "shared",
// JSON-NEXT:     "softmax_division": "rows"
// JSON-NEXT:   },
// JSON-NEXT:   "network_parameters": {
// JSON-NEXT:     "bandwidth_bits_per_second": 3072000000,
// JSON-NEXT:     "rtt_seconds": 0.000{{[0-9]+}}
// JSON-NEXT:   },
// JSON-NEXT:   "totals": {
// JSON-NEXT:     "bytes": [[#]],
// JSON-NEXT:     "rounds": [[#]],
// JSON-NEXT:     "seconds": {{.*}},
// JSON-NEXT:     "flops": {
// JSON-NEXT:       "ffn": 0,
// The core of attention counts 3 T^2 d = 3 * 16^2 * 64, twice.
// JSON-NEXT:       "attention": 98304,
// JSON-NEXT:       "head": 131072,
// JSON-NEXT:       "other": 0
// JSON:        "nonlinear": [
// JSON-NEXT:     {
// JSON-NEXT:       "kind": "SM",
// JSON-NEXT:       "count": 8,
// JSON-NEXT:       "shape": [
// JSON-NEXT:         16,
// JSON-NEXT:         16
// JSON-NEXT:       ],
// JSON-NEXT:       "site": "layers"
// JSON:        "operations": [
// JSON:          "location": "h.0.attn.scores",
// JSON-NEXT:     "op": "pi.attention",
// JSON:          "location": "h.1.mlp.act",
// JSON-NEXT:     "op": "pi.relu",
// JSON-NEXT:     "bytes": 105408,
// JSON-NEXT:     "rounds": 6,
// JSON-NEXT:     "seconds": 0.00
// JSON:        "calibrated": [
// JSON-NEXT:     "bytes per softmax element",

// Operations that each party does alone, those of training only, and other
// functions do not show.
// TABLE-NOT: entropy_penalty
// JSON-NOT: entropy_penalty

// RUN: pi-opt %s --pi-estimate-cost="function=other" -o /dev/null | FileCheck %s --check-prefix=OTHER
// OTHER: Private inference of @other
// OTHER: total 189.00 MB

pi.parameter @w : tensor<64x64xf32>
pi.parameter @theta : tensor<4xf32>

func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  %z, %e = pi.attention %qkv heads 4 scale 0.25 causal
      : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>) loc("h.0.attn")
  %theta = pi.load @theta : tensor<4xf32>
  %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5
      : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  pi.add_loss %p : tensor<f32>
  %y = pi.attention %qkv heads 4 scale 0.25 causal
      : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32> loc("h.1.attn")
  %s = pi.add %z, %y : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  %r = pi.relu %s : tensor<1x16x64xf32> loc("h.1.mlp.act")
  %w = pi.load @w : tensor<64x64xf32>
  %o = pi.linear %r, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  return %o : tensor<1x16x64xf32>
}

func.func @other(%x: tensor<2x8xf32>) -> tensor<16xf32> {
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<2x8xf32> into tensor<16xf32>
  return %y : tensor<16xf32>
}
