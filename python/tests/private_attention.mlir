// An attention in every way that two parties can evaluate it, and one with a
// temperature: results of one kind are the same.
func.func @forward(%qkv: tensor<2x6x24xf32> {pi.name = "qkv"}, %t: tensor<2x6xf32> {pi.name = "t"})
    -> (tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>) {
  %0 = pi.attention %qkv heads 2 scale 0.5 causal : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain")
  %1 = pi.attention %qkv heads 2 scale 0.5 causal evaluation <pack_rows = 1> : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_packed_1")
  %2 = pi.attention %qkv heads 2 scale 0.5 causal evaluation <pack_rows = 4> : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_packed_4")
  %3 = pi.attention %qkv heads 2 scale 0.5 causal evaluation <defer_normalization = true> : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_deferred")
  %4 = pi.attention %qkv heads 2 scale 0.5 causal evaluation <reciprocal_by_rsqrt = true> : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_rsqrt")
  %5 = pi.attention %qkv heads 2 scale 0.5 causal evaluation <heads_per_product = 2> : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_merged")
  %6 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <pack_rows = 2, defer_normalization = true, reciprocal_by_rsqrt = true, heads_per_product = 2>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_all")
  %7 = pi.attention %qkv temperature %t heads 2 scale 0.5 : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("tempered")
  %8 = pi.attention %qkv temperature %t heads 2 scale 0.5 evaluation <temperature_by_product = true>
      : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("tempered_by_product")
  %9 = pi.attention %qkv temperature %t heads 2 scale 0.5 evaluation <heads_per_product = 2, temperature_by_product = true>
      : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("tempered_merged")
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9
      : tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>
}
