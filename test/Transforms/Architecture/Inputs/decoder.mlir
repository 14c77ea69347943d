// One layer with what a name can ask for, but no LayerNorm and ReLU for GELU.
pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
pi.parameter @h.0.attn.c_proj.weight : tensor<64x64xf32>
pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>
func.func @layer(%x: tensor<2x16x64xf32>) -> tensor<2x16x64xf32> {
  %qkv_w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
  %qkv = pi.linear %x, %qkv_w : (tensor<2x16x64xf32>, tensor<64x192xf32>) -> tensor<2x16x192xf32>
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<2x16x192xf32>) -> tensor<2x16x64xf32>
  %o_w = pi.load @h.0.attn.c_proj.weight : tensor<64x64xf32>
  %o = pi.linear %a, %o_w : (tensor<2x16x64xf32>, tensor<64x64xf32>) -> tensor<2x16x64xf32>
  %x1 = pi.add %x, %o : (tensor<2x16x64xf32>, tensor<2x16x64xf32>) -> tensor<2x16x64xf32>
  %fc_w = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %fc = pi.linear %x1, %fc_w : (tensor<2x16x64xf32>, tensor<64x256xf32>) -> tensor<2x16x256xf32>
  %act = pi.relu %fc : tensor<2x16x256xf32>
  %proj_w = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  %proj = pi.linear %act, %proj_w : (tensor<2x16x256xf32>, tensor<256x64xf32>) -> tensor<2x16x64xf32>
  %x2 = pi.add %x1, %proj : (tensor<2x16x64xf32>, tensor<2x16x64xf32>) -> tensor<2x16x64xf32>
  return %x2 : tensor<2x16x64xf32>
}
