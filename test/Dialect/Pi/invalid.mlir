// RUN: pi-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

// expected-error @+1 {{standard deviation has to be finite and not negative}}
pi.parameter @w : tensor<4xf32> init(#pi.normal<-0.02>)

// -----

// expected-error @+1 {{value of every element has to be finite}}
pi.parameter @w : tensor<4xf32> init(#pi.fill<0x7FF8000000000000>)

// -----

// The derivation gives another shape than the parameter has.
pi.parameter @w : tensor<4xf32>
pi.parameter @v : tensor<8xf32> derived {
  %0 = pi.load @w : tensor<4xf32>
  // expected-error @+1 {{gives 'tensor<4xf32>', but parameter '@v' is 'tensor<8xf32>'}}
  pi.yield %0 : tensor<4xf32>
}

// -----

// Nothing gives the value.
// expected-error @+1 {{derivation has to end with 'pi.yield'}}
pi.parameter @w : tensor<4xf32> derived {
  llvm.unreachable
}

// -----

// There is nobody to pass an argument.
// expected-error @+1 {{derivation has to take no arguments}}
"pi.parameter"() <{sym_name = "w", type = tensor<4xf32>}> ({
^bb0(%x: tensor<4xf32>):
  pi.yield %x : tensor<4xf32>
}) : () -> ()

// -----

// expected-error @+1 {{'pi.parameter' op is derived from itself}}
pi.parameter @w : tensor<4xf32> derived {
  %0 = pi.load @w : tensor<4xf32>
  pi.yield %0 : tensor<4xf32>
}

// -----

// A cycle of two, reported once.
// expected-error @+1 {{'pi.parameter' op is derived from itself}}
pi.parameter @a : tensor<4xf32> derived {
  %0 = pi.load @b : tensor<4xf32>
  pi.yield %0 : tensor<4xf32>
}
pi.parameter @b : tensor<4xf32> derived {
  %0 = pi.load @a : tensor<4xf32>
  pi.yield %0 : tensor<4xf32>
}

// -----

// A parameter is a symbol of the module.
func.func @f() {
  // expected-error @+1 {{expects parent op 'builtin.module'}}
  pi.parameter @w : tensor<4xf32>
  return
}

// -----

func.func @missing() -> tensor<4xf32> {
  // expected-error @+1 {{refers to '@w', which is neither a 'pi.parameter' nor a 'pi.state'}}
  %0 = pi.load @w : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A symbol of another kind.
func.func private @g()
func.func @wrong_kind() -> tensor<4xf32> {
  // expected-error @+1 {{refers to '@g', which is neither a 'pi.parameter' nor a 'pi.state'}}
  %0 = pi.load @g : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

pi.parameter @w : tensor<4xf32>
func.func @wrong_type() -> tensor<8xf32> {
  // expected-error @+1 {{gives 'tensor<8xf32>', but parameter '@w' is 'tensor<4xf32>'}}
  %0 = pi.load @w : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

func.func @embedding_table(%ids: tensor<1x16xi32>, %table: tensor<2x384x64xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+2 {{table has to be V x d, but is 'tensor<2x384x64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<2x384x64xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @embedding_result(%ids: tensor<1x16xi32>, %table: tensor<384x64xf32>) -> tensor<1x16x32xf32> {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{inferred type(s) 'tensor<1x16x64xf32>' are incompatible with return type(s) of operation 'tensor<1x16x32xf32>'}}
  %0 = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x32xf32>
  return %0 : tensor<1x16x32xf32>
}

// -----

// Tokens are 32-bit integers.
func.func @embedding_indices(%ids: tensor<1x16xi64>, %table: tensor<384x64xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 32-bit signless integer values}}
  %0 = pi.embedding %ids, %table : (tensor<1x16xi64>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

// More positions than the table has.
func.func @positions(%table: tensor<16x64xf32>) -> tensor<32x64xf32> {
  // expected-error @+1 {{asks for 32 positions of a table that has 16}}
  %0 = pi.position_embedding %table : (tensor<16x64xf32>) -> tensor<32x64xf32>
  return %0 : tensor<32x64xf32>
}

// -----

func.func @positions_width(%table: tensor<16x64xf32>) -> tensor<16x32xf32> {
  // expected-error @+1 {{table P x d and result T x d have to agree in d, but are 'tensor<16x64xf32>' and 'tensor<16x32xf32>'}}
  %0 = pi.position_embedding %table : (tensor<16x64xf32>) -> tensor<16x32xf32>
  return %0 : tensor<16x32xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Linear algebra
//===----------------------------------------------------------------------===//

// The weight is n x m, but `transposed` is missing.
func.func @linear_weight(%x: tensor<1x16x64xf32>, %w: tensor<192x64xf32>) -> tensor<1x16x192xf32> {
  // expected-error @+2 {{weight has to be m x n with m = 64 features of the input, but is 'tensor<192x64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<192x64xf32>) -> tensor<1x16x192xf32>
  return %0 : tensor<1x16x192xf32>
}

// -----

func.func @linear_transposed(%x: tensor<1x16x64xf32>, %w: tensor<64x192xf32>) -> tensor<1x16x192xf32> {
  // expected-error @+2 {{weight has to be n x m with m = 64 features of the input, but is 'tensor<64x192xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.linear %x, %w transposed : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  return %0 : tensor<1x16x192xf32>
}

// -----

func.func @linear_bias(%x: tensor<1x16x64xf32>, %w: tensor<64x192xf32>, %b: tensor<64xf32>) -> tensor<1x16x192xf32> {
  // expected-error @+2 {{bias has to have one element for each of 192 output features, but is 'tensor<64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.linear %x, %w bias %b : (tensor<1x16x64xf32>, tensor<64x192xf32>, tensor<64xf32>) -> tensor<1x16x192xf32>
  return %0 : tensor<1x16x192xf32>
}

// -----

func.func @linear_precision(%x: tensor<1x16x64xf32>, %w: tensor<64x192xbf16>) -> tensor<1x16x192xf32> {
  // expected-error @+2 {{input and weight have to have one element type, but are 'tensor<1x16x64xf32>' and 'tensor<64x192xbf16>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xbf16>) -> tensor<1x16x192xf32>
  return %0 : tensor<1x16x192xf32>
}

// -----

// Shapes are static throughout.
func.func @linear_dynamic(%x: tensor<?x16x64xf32>, %w: tensor<64x192xf32>) -> tensor<?x16x192xf32> {
  // expected-error @+1 {{operand #0 must be statically shaped tensor}}
  %0 = pi.linear %x, %w : (tensor<?x16x64xf32>, tensor<64x192xf32>) -> tensor<?x16x192xf32>
  return %0 : tensor<?x16x192xf32>
}

// -----

func.func @matmul(%a: tensor<64x256xf32>, %b: tensor<64x256xf32>) -> tensor<64x256xf32> {
  // expected-error @+2 {{operands have to be ... x m x k and ... x k x n, but are 'tensor<64x256xf32>' and 'tensor<64x256xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.matmul %a, %b : (tensor<64x256xf32>, tensor<64x256xf32>) -> tensor<64x256xf32>
  return %0 : tensor<64x256xf32>
}

// -----

// Broadcasting goes over leading dimensions only.
func.func @add(%x: tensor<2x16x64xf32>, %y: tensor<2x1x64xf32>) -> tensor<2x16x64xf32> {
  // expected-error @+2 {{shape of rhs has to be the last dimensions of lhs, but they are 'tensor<2x1x64xf32>' and 'tensor<2x16x64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.add %x, %y : (tensor<2x16x64xf32>, tensor<2x1x64xf32>) -> tensor<2x16x64xf32>
  return %0 : tensor<2x16x64xf32>
}

// -----

func.func @scaled_residual(%x: tensor<1x16x64xf32>, %y: tensor<1x16x32xf32>, %s: tensor<f32>) -> tensor<1x16x64xf32> {
  // expected-error @+2 {{residual and update have to have one type, but are 'tensor<1x16x64xf32>' and 'tensor<1x16x32xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.scaled_residual %x, %y alpha %s beta %s : (tensor<1x16x64xf32>, tensor<1x16x32xf32>, tensor<f32>, tensor<f32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

// One scalar for a layer, not one for each feature.
func.func @scale(%x: tensor<1x16x64xf32>, %s: tensor<64xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+2 {{alpha and beta have to be 'tensor<f32>', but one is 'tensor<64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.scaled_residual %x, %x alpha %s beta %s : (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @select_position(%x: tensor<1x2x16x64xf32>, %i: tensor<i32>) -> tensor<1x1x64xf32> {
  // expected-error @+2 {{input has to be B x T x d, but is 'tensor<1x2x16x64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.select_position %x at %i : (tensor<1x2x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  return %0 : tensor<1x1x64xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

// A pair of bounds lacks its end.
func.func @columns_pair(%w: tensor<64x192xf32>) -> tensor<64x192xf32> {
  // expected-error @+2 {{columns have to be pairs of bounds in increasing order, at most 192}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.spectral_norm %w columns [0, 64, 128] iterations 4 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  return %0 : tensor<64x192xf32>
}

// -----

// Ranges overlap.
func.func @columns_order(%w: tensor<64x192xf32>) -> tensor<64x192xf32> {
  // expected-error @+2 {{columns have to be pairs of bounds in increasing order, at most 192}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.spectral_norm %w columns [0, 64, 32, 128] iterations 4 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  return %0 : tensor<64x192xf32>
}

// -----

// A range goes beyond the matrix.
func.func @columns_bound(%w: tensor<64x192xf32>) -> tensor<128xf32> {
  // expected-error @+2 {{columns have to be pairs of bounds in increasing order, at most 192}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.column_norm %w columns [128, 256] : (tensor<64x192xf32>) -> tensor<128xf32>
  return %0 : tensor<128xf32>
}

// -----

// A negative bound.
func.func @columns_negative(%w: tensor<64x192xf32>) -> tensor<65xf32> {
  // expected-error @+2 {{columns have to be pairs of bounds in increasing order, at most 192}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.column_norm %w columns [-1, 64] : (tensor<64x192xf32>) -> tensor<65xf32>
  return %0 : tensor<65xf32>
}

// -----

// Not a matrix.
func.func @columns_rank(%w: tensor<2x64x192xf32>) -> tensor<192xf32> {
  // expected-error @+2 {{weight has to be m x n, but is 'tensor<2x64x192xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.column_norm %w : (tensor<2x64x192xf32>) -> tensor<192xf32>
  return %0 : tensor<192xf32>
}

// -----

// 128 columns are normalised, but there are 192 gains.
func.func @gain(%w: tensor<64x192xf32>, %g: tensor<192xf32>) -> tensor<64x192xf32> {
  // expected-error @+2 {{gain has to have one element for each of 128 normalised columns, but is 'tensor<192xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.weight_norm %w gain %g columns [0, 128] : (tensor<64x192xf32>, tensor<192xf32>) -> tensor<64x192xf32>
  return %0 : tensor<64x192xf32>
}

// -----

func.func @iterations(%w: tensor<64x192xf32>) -> tensor<64x192xf32> {
  // expected-error @+1 {{attribute 'iterations' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = pi.spectral_norm %w iterations 0 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  return %0 : tensor<64x192xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Nonlinear operations
//===----------------------------------------------------------------------===//

func.func @layer_norm_width(%x: tensor<1x16x64xf32>, %w: tensor<32xf32>, %b: tensor<64xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{weight and bias have to have 64 elements, the last dimension of the input, but one is 'tensor<32xf32>'}}
  %0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : (tensor<1x16x64xf32>, tensor<32xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @layer_norm_scalar(%x: tensor<f32>, %w: tensor<1xf32>) -> tensor<f32> {
  // expected-error @+1 {{input has to have a dimension to normalise over}}
  %0 = pi.layer_norm %x, %w, %w epsilon 1.0e-5 : (tensor<f32>, tensor<1xf32>, tensor<1xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @layer_norm_epsilon(%x: tensor<1x16x64xf32>, %w: tensor<64xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{epsilon has to be finite and not negative}}
  %0 = pi.layer_norm %x, %w, %w epsilon -1.0 : (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @polynomial(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{needs at least one coefficient}}
  %0 = pi.polynomial %x coefficients [] : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @polynomial_infinite(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{coefficients have to be finite}}
  %0 = pi.polynomial %x coefficients [1.0e999] : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @softmax_rank(%x: tensor<16x16xf32>) -> tensor<16x16xf32> {
  // expected-error @+1 {{input has to be B x H x T x S, but is 'tensor<16x16xf32>'}}
  %0 = pi.softmax %x : (tensor<16x16xf32>) -> tensor<16x16xf32>
  return %0 : tensor<16x16xf32>
}

// -----

// One temperature for each head and row, not for each row alone.
func.func @softmax_temperature(%x: tensor<1x4x16x16xf32>, %t: tensor<16xf32>) -> tensor<1x4x16x16xf32> {
  // expected-error @+1 {{temperature has to be H x T = 4 x 16, but is 'tensor<16xf32>'}}
  %0 = pi.softmax %x temperature %t : (tensor<1x4x16x16xf32>, tensor<16xf32>) -> tensor<1x4x16x16xf32>
  return %0 : tensor<1x4x16x16xf32>
}

// -----

func.func @argmax(%x: tensor<f32>) -> tensor<i32> {
  // expected-error @+2 {{input has to have a last dimension, but is 'tensor<f32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.argmax %x : (tensor<f32>) -> tensor<i32>
  return %0 : tensor<i32>
}

// -----

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

// q, k and v are not of one width.
func.func @attention_thirds(%qkv: tensor<1x16x190xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{qkv has to be B x T x 3d, but is 'tensor<1x16x190xf32>'}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x190xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @attention_rank(%qkv: tensor<16x192xf32>) -> tensor<16x64xf32> {
  // expected-error @+1 {{qkv has to be B x T x 3d, but is 'tensor<16x192xf32>'}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<16x192xf32>) -> tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}

// -----

func.func @attention_heads(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{width 64 is no multiple of 5 heads}}
  %0 = pi.attention %qkv heads 5 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @attention_no_heads(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{attribute 'num_heads' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = pi.attention %qkv heads 0 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @attention_scale(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{scale has to be finite}}
  %0 = pi.attention %qkv heads 4 scale 0x7FF0000000000000 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @attention_result(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x192xf32> {
  // expected-error @+1 {{result has to be 'tensor<1x16x64xf32>', but is 'tensor<1x16x192xf32>'}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x192xf32>
  return %0 : tensor<1x16x192xf32>
}

// -----

func.func @attention_temperature(%qkv: tensor<1x16x192xf32>, %t: tensor<16x4xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{temperature has to be 4 heads x 16 positions, but is 'tensor<16x4xf32>'}}
  %0 = pi.attention %qkv temperature %t heads 4 scale 0.25 causal : (tensor<1x16x192xf32>, tensor<16x4xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @attention_entropy(%qkv: tensor<2x16x192xf32>) -> tensor<4x16xf32> {
  // expected-error @+1 {{entropy has to be 'tensor<2x4x16xf32>', but is 'tensor<4x16xf32>'}}
  %0, %1 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<2x16x192xf32>) -> (tensor<2x16x64xf32>, tensor<4x16xf32>)
  return %1 : tensor<4x16xf32>
}

// -----

// Every row of this one sees all columns.
func.func @evaluation_not_causal(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{pack_rows needs an attention that is causal}}
  %0 = pi.attention %qkv heads 4 scale 0.25 evaluation <pack_rows = 8> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @evaluation_rows(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{pack_rows is 17, but there are 16 rows}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <pack_rows = 17> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @evaluation_negative_rows(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{pack_rows has to be 1 or more, or 0 for no packing, but is -1}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <pack_rows = -1> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @evaluation_heads(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{heads_per_product 3 does not divide 4 heads}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <heads_per_product = 3> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func private @evaluation_by_product() attributes {
  // expected-error @+1 {{normalize_by_product needs defer_normalization}}
  test.evaluation = #pi.evaluation<normalize_by_product = true>
}

// -----

func.func @evaluation_no_heads(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{heads_per_product has to be 1 or more, but is 0}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <heads_per_product = 0> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

func.func @evaluation_temperature(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-error @+1 {{temperature_by_product needs a temperature}}
  %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <temperature_by_product = true> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

// expected-error @+1 {{scale of an exponential has to be finite and greater than 0}}
func.func private @exponential_scale() attributes {test.exponential = #pi.exponential<scale = -1.0, offsets = [1.0, 0.0]>}

// -----

// A line is no exponential.
// expected-error @+1 {{an exponential has 1 to 16 squares, so 2 to 17 offsets, but 1 are given}}
func.func private @exponential_no_squares() attributes {test.exponential = #pi.exponential<scale = 1.0, offsets = [1.0]>}

// -----

// expected-error @+1 {{offsets of an exponential have to be finite}}
func.func private @exponential_offsets() attributes {test.exponential = #pi.exponential<scale = 1.0, offsets = [1.0, 0x7FF0000000000000]>}

// -----

// e^0 is in every row.
// expected-error @+1 {{lowest has to be less than 0}}
func.func private @exponential_lowest() attributes {test.exponential = #pi.exponential<scale = 1.0, offsets = [1.0, 0.0], lowest = 1.0>}

// -----

func.func @update_cache(%cache: tensor<2x1x16x32xf32>, %qkv: tensor<1x1x192xf32>) -> tensor<2x1x16x32xf32> {
  // expected-error @+1 {{cache 2 x B x C x d and qkv B x T x 3d have to agree, but are 'tensor<2x1x16x32xf32>' and 'tensor<1x1x192xf32>'}}
  %0 = pi.update_cache %cache, %qkv : (tensor<2x1x16x32xf32>, tensor<1x1x192xf32>) -> tensor<2x1x16x32xf32>
  return %0 : tensor<2x1x16x32xf32>
}

// -----

// Three times d is more than a 64-bit integer holds, and as one it would be 5.
func.func @cache_overflow(%cache: tensor<2x1x16x6148914691236517207xf32>, %qkv: tensor<1x1x5xf32>) -> tensor<2x1x16x6148914691236517207xf32> {
  // expected-error @+1 {{cache 2 x B x C x d and qkv B x T x 3d have to agree}}
  %0 = pi.update_cache %cache, %qkv : (tensor<2x1x16x6148914691236517207xf32>, tensor<1x1x5xf32>) -> tensor<2x1x16x6148914691236517207xf32>
  return %0 : tensor<2x1x16x6148914691236517207xf32>
}

// -----

func.func @cache_room(%cache: tensor<2x1x16x64xf32>, %qkv: tensor<1x32x192xf32>) -> tensor<2x1x16x64xf32> {
  // expected-error @+1 {{cache has room for 16 positions, fewer than the 32 of qkv}}
  %0 = pi.update_cache %cache, %qkv : (tensor<2x1x16x64xf32>, tensor<1x32x192xf32>) -> tensor<2x1x16x64xf32>
  return %0 : tensor<2x1x16x64xf32>
}

// -----

// The temperature has a column for each row of the cache.
func.func @cached_temperature(%cache: tensor<2x1x16x64xf32>, %qkv: tensor<1x1x192xf32>, %t: tensor<4x1xf32>, %i: tensor<i32>) -> tensor<1x1x64xf32> {
  // expected-error @+1 {{temperature has to be 4 heads x 16 positions, but is 'tensor<4x1xf32>'}}
  %0 = pi.cached_attention %qkv, %cache at %i temperature %t heads 4 scale 0.25 : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>, tensor<4x1xf32>) -> tensor<1x1x64xf32>
  return %0 : tensor<1x1x64xf32>
}

// -----

// Which columns a row sees is not known before it runs.
func.func @cached_rows(%cache: tensor<2x1x16x64xf32>, %qkv: tensor<1x1x192xf32>, %i: tensor<i32>) -> tensor<1x1x64xf32> {
  // expected-error @+1 {{pack_rows needs the rows of a whole sequence, and here the columns that a row sees depend on the position}}
  %0 = pi.cached_attention %qkv, %cache at %i heads 4 scale 0.25 evaluation <pack_rows = 1> : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  return %0 : tensor<1x1x64xf32>
}

// -----

func.func @cached_heads(%cache: tensor<2x1x16x64xf32>, %qkv: tensor<1x1x192xf32>, %i: tensor<i32>) -> tensor<1x1x64xf32> {
  // expected-error @+1 {{heads_per_product 3 does not divide 4 heads}}
  %0 = pi.cached_attention %qkv, %cache at %i heads 4 scale 0.25 evaluation <heads_per_product = 3> : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  return %0 : tensor<1x1x64xf32>
}

// -----

func.func @cached_batch(%cache: tensor<2x2x16x64xf32>, %qkv: tensor<1x1x192xf32>, %i: tensor<i32>) -> tensor<1x1x64xf32> {
  // expected-error @+1 {{cache 2 x B x C x d and qkv B x T x 3d have to agree}}
  %0 = pi.cached_attention %qkv, %cache at %i heads 4 scale 0.25 : (tensor<1x1x192xf32>, tensor<2x2x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  return %0 : tensor<1x1x64xf32>
}
