// What inference can hold, each with a result of its own.
func.func @forward(%ids: tensor<1x8xi32> {pi.name = "ids"}, %x: tensor<1x8x16xf32> {pi.name = "x"},
                   %table: tensor<24x16xf32> {pi.name = "table"}, %w: tensor<16x12xf32> {pi.name = "w"},
                   %b: tensor<12xf32> {pi.name = "b"}, %g: tensor<16xf32> {pi.name = "g"},
                   %qkv: tensor<2x6x24xf32> {pi.name = "qkv"}, %t: tensor<2x6xf32> {pi.name = "t"},
                   %m: tensor<2x2x3x4xf32> {pi.name = "m"}, %n: tensor<2x2x4x5xf32> {pi.name = "n"},
                   %alpha: tensor<f32> {pi.name = "alpha"}, %position: tensor<i32> {pi.name = "position"},
                   %cache: tensor<2x2x9x8xf32> {pi.name = "cache"},
                   %tc: tensor<2x9xf32> {pi.name = "t"})
    -> (tensor<1x8x16xf32>, tensor<1x8x12xf32>, tensor<2x2x3x5xf32>, tensor<1x8x16xf32>, tensor<1x8x16xf32>,
        tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<1x1x16xf32>, tensor<4x16xf32>, tensor<1x8xi32>, tensor<2x2x9x8xf32>,
        tensor<2x2x9x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>) {
  %0 = pi.embedding %ids, %table : (tensor<1x8xi32>, tensor<24x16xf32>) -> tensor<1x8x16xf32> loc("embedding")
  %1 = pi.linear %x, %w bias %b : (tensor<1x8x16xf32>, tensor<16x12xf32>, tensor<12xf32>) -> tensor<1x8x12xf32> loc("linear")
  %2 = pi.matmul %m, %n : (tensor<2x2x3x4xf32>, tensor<2x2x4x5xf32>) -> tensor<2x2x3x5xf32> loc("matmul")
  %3 = pi.scaled_residual %x, %x alpha %alpha beta %alpha : (tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<f32>, tensor<f32>) -> tensor<1x8x16xf32> loc("scaled_residual")
  %4 = pi.layer_norm %x, %g, %g epsilon 1.0e-5 : (tensor<1x8x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<1x8x16xf32> loc("layer_norm")
  %5 = pi.gelu %x approximate tanh : tensor<1x8x16xf32> loc("gelu_tanh")
  %6 = pi.gelu %x approximate none : tensor<1x8x16xf32> loc("gelu_erf")
  %7 = pi.relu %x : tensor<1x8x16xf32> loc("relu")
  %8 = pi.polynomial %x coefficients [0.5, 0.25, 0.125] : tensor<1x8x16xf32> loc("polynomial")
  %9 = pi.attention %qkv heads 2 scale 0.5 causal : (tensor<2x6x24xf32>) -> tensor<2x6x8xf32> loc("attention")
  %10 = pi.attention %qkv temperature %t heads 2 scale 0.5 : (tensor<2x6x24xf32>, tensor<2x6xf32>) -> tensor<2x6x8xf32> loc("attention_temperature")
  %11 = pi.select_position %x at %position : (tensor<1x8x16xf32>, tensor<i32>) -> tensor<1x1x16xf32> loc("select_position")
  %12 = pi.position_embedding %table at %position : (tensor<24x16xf32>, tensor<i32>) -> tensor<4x16xf32> loc("position_embedding")
  %13 = pi.argmax %x : (tensor<1x8x16xf32>) -> tensor<1x8xi32> loc("argmax")
  %14 = pi.update_cache %cache, %qkv : (tensor<2x2x9x8xf32>, tensor<2x6x24xf32>) -> tensor<2x2x9x8xf32> loc("update_cache")
  %15 = pi.update_cache %cache, %qkv at %position : (tensor<2x2x9x8xf32>, tensor<2x6x24xf32>, tensor<i32>) -> tensor<2x2x9x8xf32> loc("update_cache_at")
  %16 = pi.cached_attention %qkv, %cache at %position heads 2 scale 0.25 : (tensor<2x6x24xf32>, tensor<2x2x9x8xf32>, tensor<i32>) -> tensor<2x6x8xf32> loc("cached_attention")
  %17 = pi.cached_attention %qkv, %cache at %position temperature %tc heads 2 scale 0.5 : (tensor<2x6x24xf32>, tensor<2x2x9x8xf32>, tensor<i32>, tensor<2x9xf32>) -> tensor<2x6x8xf32> loc("cached_attention_temperature")
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17
      : tensor<1x8x16xf32>, tensor<1x8x12xf32>, tensor<2x2x3x5xf32>, tensor<1x8x16xf32>, tensor<1x8x16xf32>,
        tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<2x6x8xf32>,
        tensor<2x6x8xf32>, tensor<1x1x16xf32>, tensor<4x16xf32>, tensor<1x8xi32>, tensor<2x2x9x8xf32>,
        tensor<2x2x9x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>
}
