// What verifiers of operations of training and of gradients refuse, and why.
// RUN: pi-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

func.func @penalty_heads(%e: tensor<1x4x16xf32>, %theta: tensor<8xf32>) {
  // expected-error @+1 {{entropy B x H x T and threshold H have to agree in H, but are 'tensor<1x4x16xf32>' and 'tensor<8xf32>'}}
  %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<1x4x16xf32>, tensor<8xf32>) -> tensor<f32>
  return
}

// -----

func.func @penalty_gamma(%e: tensor<1x4x16xf32>, %theta: tensor<4xf32>) {
  // expected-error @+1 {{gamma and lambda have to be finite and not negative}}
  %p = pi.entropy_penalty %e, %theta reading per_row gamma -0.2 lambda 1.0e-5 : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  return
}

// -----

func.func @cross_entropy_targets(%x: tensor<2x3x9xf32>, %t: tensor<2x4xi32>) -> tensor<f32> {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{logits have to have a row for each target, but they are 'tensor<2x3x9xf32>' and 'tensor<2x4xi32>'}}
  %0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<2x3x9xf32>, tensor<2x4xi32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// The mean over many positions is no number of bf16.
func.func @cross_entropy_type(%x: tensor<3x9xbf16>, %t: tensor<3xi32>) -> tensor<bf16> {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{inferred type(s) 'tensor<f32>' are incompatible with return type(s) of operation 'tensor<bf16>'}}
  %0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<3x9xbf16>, tensor<3xi32>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// -----

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

func.func @matmul_transposed(%a: tensor<4x3xf32>, %b: tensor<5x4xf32>) -> tensor<3x5xf32> {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{operands have to be ... x k x m and ... x k x n, but are 'tensor<4x3xf32>' and 'tensor<5x4xf32>'}}
  %0 = pi.matmul %a transposed, %b : (tensor<4x3xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

func.func @mul_shapes(%a: tensor<4x3xf32>, %b: tensor<4xf32>) -> tensor<4x3xf32> {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{shape of rhs has to be the last dimensions of lhs, but they are 'tensor<4xf32>' and 'tensor<4x3xf32>'}}
  %0 = pi.mul %a, %b : (tensor<4x3xf32>, tensor<4xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

func.func @reduce_leading(%x: tensor<4x3xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{result has to have the last dimensions of the input, but they are 'tensor<4xf32>' and 'tensor<4x3xf32>'}}
  %0 = pi.reduce_leading %x : (tensor<4x3xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @embedding_grad_rows(%i: tensor<2x3xi32>, %g: tensor<2x4x8xf32>) -> tensor<9x8xf32> {
  // expected-error @+1 {{gradient has to have a row for each index, but they are 'tensor<2x4x8xf32>' and 'tensor<2x3xi32>'}}
  %0 = pi.embedding_grad %i, %g : (tensor<2x3xi32>, tensor<2x4x8xf32>) -> tensor<9x8xf32>
  return %0 : tensor<9x8xf32>
}

// -----

func.func @embedding_grad_width(%i: tensor<2x3xi32>, %g: tensor<2x3x8xf32>) -> tensor<9x4xf32> {
  // expected-error @+1 {{result has to be V x d with rows as those of the gradient, but they are 'tensor<9x4xf32>' and 'tensor<2x3x8xf32>'}}
  %0 = pi.embedding_grad %i, %g : (tensor<2x3xi32>, tensor<2x3x8xf32>) -> tensor<9x4xf32>
  return %0 : tensor<9x4xf32>
}

// -----

func.func @cross_entropy_grad_targets(%g: tensor<f32>, %x: tensor<3x9xf32>, %t: tensor<4xi32>) -> tensor<3x9xf32> {
  // expected-error @+1 {{logits have to have a row for each target, but they are 'tensor<3x9xf32>' and 'tensor<4xi32>'}}
  %0 = pi.cross_entropy_grad %g, %x, %t ignore_index -100 : (tensor<f32>, tensor<3x9xf32>, tensor<4xi32>) -> tensor<3x9xf32>
  return %0 : tensor<3x9xf32>
}

// -----

func.func @place_rows(%x: tensor<5x8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{rows ... x n x d have to fit into the result ... x P x d, but they are 'tensor<5x8xf32>' and 'tensor<4x8xf32>'}}
  %0 = pi.place_rows %x : (tensor<5x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

func.func @layer_norm_grad(%x: tensor<5x8xf32>, %w: tensor<5xf32>) -> tensor<5x8xf32> {
  // expected-error @+1 {{weight has to have one element for each of the last dimension of the input, but they are 'tensor<5xf32>' and 'tensor<5x8xf32>'}}
  %0:3 = pi.layer_norm_grad %x, %x, %w epsilon 1.0e-5 : (tensor<5x8xf32>, tensor<5x8xf32>, tensor<5xf32>) -> (tensor<5x8xf32>, tensor<5xf32>, tensor<5xf32>)
  return %0#0 : tensor<5x8xf32>
}

// -----

func.func @softmax_grad_rank(%x: tensor<4x5x5xf32>) -> tensor<4x5x5xf32> {
  // expected-error @+1 {{input has to be B x H x T x S, but is 'tensor<4x5x5xf32>'}}
  %0 = pi.softmax_grad %x, %x, %x : (tensor<4x5x5xf32>, tensor<4x5x5xf32>, tensor<4x5x5xf32>) -> tensor<4x5x5xf32>
  return %0 : tensor<4x5x5xf32>
}

// -----

func.func @softmax_grad_temperature(%x: tensor<1x4x5x5xf32>, %t: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{temperature has to be H x T = 4 x 5, but is 'tensor<4x6xf32>'}}
  %0:2 = pi.softmax_grad %x, %x, %x temperature %t : (tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>, tensor<4x6xf32>) -> (tensor<1x4x5x5xf32>, tensor<4x6xf32>)
  return %0#1 : tensor<4x6xf32>
}

// -----

// A temperature is trained, so its gradient is asked for.
func.func @softmax_grad_result(%x: tensor<1x4x5x5xf32>, %t: tensor<4x5xf32>) -> tensor<1x4x5x5xf32> {
  // expected-error @+1 {{the gradient of the temperature has to be there, and of its type, if there is a temperature}}
  %0 = pi.softmax_grad %x, %x, %x temperature %t : (tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>, tensor<4x5xf32>) -> tensor<1x4x5x5xf32>
  return %0 : tensor<1x4x5x5xf32>
}

// -----

func.func @log_sum_exp(%qkv: tensor<1x16x192xf32>) -> tensor<4x16xf32> {
  // expected-error @+1 {{log_sum_exp has to be 'tensor<1x4x16xf32>', but is 'tensor<4x16xf32>'}}
  %0, %1 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, log_sum_exp tensor<4x16xf32>)
  return %1 : tensor<4x16xf32>
}

// -----

// Two results without a name would be an entropy each.
func.func @two_entropies(%qkv: tensor<1x16x192xf32>) -> tensor<1x4x16xf32> {
  // expected-error @+1 {{expected 'log_sum_exp'}}
  %0:3 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>)
  return %0#2 : tensor<1x4x16xf32>
}

// -----

func.func @attention_grad_rank(%y: tensor<16x64xf32>, %qkv: tensor<16x192xf32>, %l: tensor<4x16xf32>) -> tensor<16x192xf32> {
  // expected-error @+1 {{qkv has to be B x T x 3d, but is 'tensor<16x192xf32>'}}
  %0 = pi.attention_grad %y, %qkv, %y, %l heads 4 scale 0.25 : (tensor<16x64xf32>, tensor<16x192xf32>, tensor<16x64xf32>, tensor<4x16xf32>) -> tensor<16x192xf32>
  return %0 : tensor<16x192xf32>
}

// -----

func.func @attention_grad_rows(%y: tensor<1x16x64xf32>, %qkv: tensor<1x16x192xf32>, %l: tensor<4x16xf32>) -> tensor<1x16x192xf32> {
  // expected-error @+1 {{log_sum_exp, entropy and its gradient have to be 'tensor<1x4x16xf32>', but one is 'tensor<4x16xf32>'}}
  %0 = pi.attention_grad %y, %qkv, %y, %l heads 4 scale 0.25 : (tensor<1x16x64xf32>, tensor<1x16x192xf32>, tensor<1x16x64xf32>, tensor<4x16xf32>) -> tensor<1x16x192xf32>
  return %0 : tensor<1x16x192xf32>
}

// -----

func.func @penalty_grad_heads(%g: tensor<f32>, %e: tensor<1x4x16xf32>, %theta: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{entropy B x H x T and threshold H have to agree in H, but are 'tensor<1x4x16xf32>' and 'tensor<8xf32>'}}
  %de, %dt = pi.entropy_penalty_grad %g, %e, %theta reading per_head gamma 0.2 lambda 1.0e-5 : (tensor<f32>, tensor<1x4x16xf32>, tensor<8xf32>) -> (tensor<1x4x16xf32>, tensor<8xf32>)
  return %dt : tensor<8xf32>
}

// -----

func.func @weight_norm_grad_gain(%w: tensor<6x8xf32>, %g: tensor<8xf32>) -> tensor<6x8xf32> {
  // expected-error @+1 {{gain has to have one element for each of 4 normalised columns, but is 'tensor<8xf32>'}}
  %0:2 = pi.weight_norm_grad %w, %w gain %g columns [0, 4] : (tensor<6x8xf32>, tensor<6x8xf32>, tensor<8xf32>) -> (tensor<6x8xf32>, tensor<8xf32>)
  return %0#0 : tensor<6x8xf32>
}

// -----

func.func @column_norm_grad(%w: tensor<6x8xf32>, %g: tensor<4xf32>) -> tensor<6x8xf32> {
  // expected-error @+1 {{gradient has to have one element for each of 8 normalised columns, but is 'tensor<4xf32>'}}
  %0 = pi.column_norm_grad %g, %w : (tensor<4xf32>, tensor<6x8xf32>) -> tensor<6x8xf32>
  return %0 : tensor<6x8xf32>
}

// -----

func.func @spectral_norm_grad(%w: tensor<6x8xf32>) -> tensor<6x8xf32> {
  // expected-error @+1 {{columns have to be pairs of bounds in increasing order, at most 8}}
  %0 = pi.spectral_norm_grad %w, %w columns [4, 9] iterations 2 : (tensor<6x8xf32>, tensor<6x8xf32>) -> tensor<6x8xf32>
  return %0 : tensor<6x8xf32>
}

// -----

func.func @linear_cross_entropy_targets(%x: tensor<2x3x8xf32>, %w: tensor<8x9xf32>, %t: tensor<6xi32>) -> tensor<f32> {
  // expected-error @+1 {{input has to have a row for each target, but they are 'tensor<2x3x8xf32>' and 'tensor<6xi32>'}}
  %0 = pi.linear_cross_entropy %x, %w, %t ignore_index -100 : (tensor<2x3x8xf32>, tensor<8x9xf32>, tensor<6xi32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// The weight stands the other way round.
func.func @linear_cross_entropy_weight(%x: tensor<3x8xf32>, %w: tensor<8x9xf32>, %t: tensor<3xi32>) -> tensor<f32> {
  // expected-error @+1 {{weight has to be V x d with d and the element type of the input, but they are 'tensor<8x9xf32>' and 'tensor<3x8xf32>'}}
  %0 = pi.linear_cross_entropy %x, %w transposed, %t ignore_index -100 : (tensor<3x8xf32>, tensor<8x9xf32>, tensor<3xi32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @linear_cross_entropy_loss(%x: tensor<3x8xbf16>, %w: tensor<8x9xbf16>, %t: tensor<3xi32>) -> tensor<bf16> {
  // expected-error @+1 {{loss has to be 'tensor<f32>', but is 'tensor<bf16>'}}
  %0 = pi.linear_cross_entropy %x, %w, %t ignore_index -100 : (tensor<3x8xbf16>, tensor<8x9xbf16>, tensor<3xi32>) -> tensor<bf16>
  return %0 : tensor<bf16>
}

// -----

func.func @linear_cross_entropy_d_input(%x: tensor<3x8xbf16>, %w: tensor<8x9xbf16>, %t: tensor<3xi32>) -> tensor<f32> {
  // expected-error @+1 {{d_input has to be 'tensor<3x8xbf16>', but is 'tensor<3x8xf32>'}}
  %0:3 = pi.linear_cross_entropy %x, %w, %t ignore_index -100 : (tensor<3x8xbf16>, tensor<8x9xbf16>, tensor<3xi32>) -> (tensor<f32>, tensor<3x8xf32>, tensor<8x9xf32>)
  return %0#0 : tensor<f32>
}

// -----

func.func @linear_cross_entropy_d_weight(%x: tensor<3x8xf32>, %w: tensor<8x9xf32>, %t: tensor<3xi32>) -> tensor<f32> {
  // expected-error @+1 {{d_weight has to be 'tensor<8x9xf32>' or that in f32, but is 'tensor<9x8xf32>'}}
  %0:3 = pi.linear_cross_entropy %x, %w, %t ignore_index -100 : (tensor<3x8xf32>, tensor<8x9xf32>, tensor<3xi32>) -> (tensor<f32>, tensor<3x8xf32>, tensor<9x8xf32>)
  return %0#0 : tensor<f32>
}

// -----

// Both gradients or none: with one alone there is no telling which.
func.func @linear_cross_entropy_one_gradient(%x: tensor<3x8xf32>, %w: tensor<8x9xf32>, %t: tensor<3xi32>) -> tensor<f32> {
  // expected-error @+1 {{has to give both gradients or none}}
  %0:2 = pi.linear_cross_entropy %x, %w, %t ignore_index -100 : (tensor<3x8xf32>, tensor<8x9xf32>, tensor<3xi32>) -> (tensor<f32>, tensor<3x8xf32>)
  return %0#0 : tensor<f32>
}

// -----

func.func @linear_cross_entropy_chunk(%x: tensor<3x8xf32>, %w: tensor<8x9xf32>, %t: tensor<3xi32>) -> tensor<f32> {
  // expected-error @+1 {{attribute 'chunk' failed to satisfy constraint}}
  %0 = pi.linear_cross_entropy %x, %w, %t ignore_index -100 chunk 0 : (tensor<3x8xf32>, tensor<8x9xf32>, tensor<3xi32>) -> tensor<f32>
  return %0 : tensor<f32>
}
