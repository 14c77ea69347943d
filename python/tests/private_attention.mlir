// An attention in every way that two parties can evaluate it, then one with a
// temperature, then new rows over a cache: results whose names start alike are the
// same, those with "narrow" within the bound of pi-narrow-exponential.
func.func @forward(%qkv: tensor<2x6x24xf32> {pi.name = "qkv"}, %t: tensor<2x6xf32> {pi.name = "t"},
                   %rows: tensor<2x2x24xf32> {pi.name = "rows"}, %cache: tensor<2x2x6x8xf32> {pi.name = "cache"},
                   %position: tensor<i32> {pi.name = "position"})
    -> (tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x2x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8xf32>) {
  %0 = pi.attention %qkv heads 2 scale 0.5 causal : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain")
  %1 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <pack_rows = 1>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_packed_1")
  %2 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <pack_rows = 4>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_packed_4")
  %3 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <defer_normalization = true>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_deferred")
  %4 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <reciprocal_by_rsqrt = true>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_rsqrt")
  %5 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <heads_per_product = 2>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_merged")
  %6 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <defer_normalization = true, normalize_by_product = true>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_by_product")
  %7 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <pack_rows = 2, defer_normalization = true, normalize_by_product = true, reciprocal_by_rsqrt = true, heads_per_product = 2>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_all")
  %8 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <exponential = <scale = 0.087359029, offsets = [0.81673664, 0.13403066, 0.44945668, -0.19038592, -0.00079185421], lowest = -9.5>>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_narrow")
  %9 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <pack_rows = 4, exponential = <scale = 0.085338024, offsets = [0.8692974, -0.0045512638, 0.55337769, -0.24735551, -0.0033607551]>>
      : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("plain_narrow_packed")
  %10 = pi.attention %qkv temperature %t heads 2 scale 0.5 : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("tempered")
  %11 = pi.attention %qkv temperature %t heads 2 scale 0.5
      evaluation <temperature_by_product = true>
      : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("tempered_by_product")
  %12 = pi.attention %qkv temperature %t heads 2 scale 0.5
      evaluation <heads_per_product = 2>
      : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("tempered_merged")
  %13 = pi.attention %qkv temperature %t heads 2 scale 0.5
      evaluation <heads_per_product = 2, temperature_by_product = true>
      : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("tempered_merged_by_product")
  %14 = pi.cached_attention %rows, %cache at %position temperature %t heads 2 scale 0.5
      : (tensor<2x2x24xf32>, tensor<2x2x6x8xf32>, tensor<i32>, tensor<2x6xf32>) -> tensor<2x2x8xf32> loc("cached")
  %15 = pi.cached_attention %rows, %cache at %position temperature %t heads 2 scale 0.5
      evaluation <heads_per_product = 2>
      : (tensor<2x2x24xf32>, tensor<2x2x6x8xf32>, tensor<i32>, tensor<2x6xf32>) -> tensor<2x2x8xf32> loc("cached_merged")
  %16 = pi.cached_attention %rows, %cache at %position temperature %t heads 2 scale 0.5
      evaluation <defer_normalization = true, temperature_by_product = true>
      : (tensor<2x2x24xf32>, tensor<2x2x6x8xf32>, tensor<i32>, tensor<2x6xf32>) -> tensor<2x2x8xf32> loc("cached_deferred")
  %17 = pi.cached_attention %rows, %cache at %position temperature %t heads 2 scale 0.5
      evaluation <defer_normalization = true, normalize_by_product = true, reciprocal_by_rsqrt = true, heads_per_product = 2, temperature_by_product = true>
      : (tensor<2x2x24xf32>, tensor<2x2x6x8xf32>, tensor<i32>, tensor<2x6xf32>) -> tensor<2x2x8xf32> loc("cached_all")
  %18 = pi.cached_attention %rows, %cache at %position temperature %t heads 2 scale 0.5
      evaluation <exponential = <scale = 0.087359029, offsets = [0.81673664, 0.13403066, 0.44945668, -0.19038592, -0.00079185421], lowest = -9.5>>
      : (tensor<2x2x24xf32>, tensor<2x2x6x8xf32>, tensor<i32>, tensor<2x6xf32>) -> tensor<2x2x8xf32> loc("cached_narrow")
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18
      : tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>,
        tensor<2x2x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8xf32>
}
