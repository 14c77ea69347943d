//===- AttentionPasses.td - How parties evaluate attention -*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_PRIVATE_ATTENTIONPASSES_TD
#define PI_TRANSFORMS_PRIVATE_ATTENTIONPASSES_TD

include "mlir/Pass/PassBase.td"

def PI_NumAttentions
    : Statistic<"numAttentions", "attentions", "Attentions changed">;

def PiPackCausalSoftmax : Pass<"pi-pack-causal-softmax", "::mlir::ModuleOp"> {
  let summary = "leave masked scores out of the private softmax";
  let description = [{
    Sets `pack_rows` of every causal attention (`#pi.evaluation`). A softmax on
    shares costs as much for a masked score as for any other, and a stock run
    evaluates it on all T x T. Here rows b k .. b k + k - 1 are compared and
    exponentiated in columns 0 .. (b + 1) k - 1 alone, with k = `rows`. Blocks are
    cut out of the scores and put back by slices and concatenations, which are
    local on shares, and go through maxima, the exponential and the products with
    reciprocals as one vector for all sequences and heads: T (T + k) / 2 elements
    a head where k divides T, in as many rounds as before. Fewer rows in a block
    leave out more; they need T / k slices.

    The result is the same up to the rounding of fixed point. Attentions that are
    not causal are left alone, as no score of theirs is masked; `rows` above T is T.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-pack-causal-softmax=rows=4`:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <pack_rows = 4>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "8", "Rows of a block">
  ];
  let statistics = [PI_NumAttentions];
}

def PiDeferNormalization : Pass<"pi-defer-normalization", "::mlir::ModuleOp"> {
  let summary = "divide by the sums of rows after the product with V";
  let description = [{
    Sets `defer_normalization` of every attention (`#pi.evaluation`). With E the
    exponentials of a head's scores and s the sums of their rows,

        diag(1 / s) E V = diag(1 / s) (E V)

    so that T d_h elements of the product are multiplied by reciprocals instead of
    the T T (or, packed, T (T + k) / 2) exponentials. It pays where d_h is less
    than that share of T. E V is up to s <= T times as large as the attention
    itself, and so are the errors of fixed point in it, which the division then
    takes back.

    With `by-product`, the product with reciprocals is one of matrices, too:
    diag(1 / s) times E V, for as many heads at once as `pi-merge-heads` says.
    Its ciphertexts cost less than a product for every element, if there are many.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <defer_normalization = true>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-defer-normalization=by-product`:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal
          evaluation <defer_normalization = true, normalize_by_product = true>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"byProduct", "by-product", "bool", "false",
           "Whether reciprocals are applied by a product of matrices">
  ];
  let statistics = [PI_NumAttentions];
}

def PiNarrowExponential : Pass<"pi-narrow-exponential", "::mlir::ModuleOp"> {
  let summary = "compute the exponentials of softmax with fewer squares";
  let description = [{
    Sets `exponential` of every attention (`#pi.evaluation`). Engines compute e^x
    for x <= 0 as (1 + x / 256)^256, by 8 squares: at most 1.06e-3 away from e^x
    (near x = -2), for x down to -500. With offsets between the squares,

        z_0 = s x + a_0        z_i = z_{i-1}^2 + a_i        e^x ~ z_4

    has six free numbers instead of one, and 4 squares come closer than 8 did.
    The keys are multiplied by s, since they are fewer than scores.
    `scripts/fit-exponential` finds them: those that make the
    largest |z_4 - e^x| on an interval least.

    - Without `range` nothing is assumed of scores. x is replaced by max(x, -9.5),
      one comparison and one choice an element, and z_4 is 0 there: |z_4 - e^x| is
      at most 1.3e-4 for every x <= 0.
    - `range=R` is a bound that the caller gives on how far the scores of a row
      lie apart. For R up to 12 the comparison goes, and |z_4 - e^x| is at most
      1.5e-4 on [-12, 0]. Below that it grows: where the bound is wrong, so is
      the result. A larger R is as none.

    The largest error of an exponential is thus an eighth of what it was, and the
    bound on the error of probabilities with it: sums of rows are about 1 or more,
    so that a probability p of n is off by at most about (1 + n p) times the error
    of an exponential. Not covered is the relative error of a small one: what lies
    9.5 below the largest score of its row has probability 0, not up to 7.5e-5.
    Fewer squares also lose less to fixed point: of 18 fractional bits the stock
    form leaves an error of 1.5e-3, these forms 2.3e-4.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal
          evaluation <exponential = <scale = 0.087359029, offsets = [0.81673664, 0.13403066, 0.44945668, -0.19038592, -0.00079185421], lowest = -9.5>>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-narrow-exponential=range=12`:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal
          evaluation <exponential = <scale = 0.085338024, offsets = [0.8692974, -0.0045512638, 0.55337769, -0.24735551, -0.0033607551]>>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"range", "range", "double", "0",
           "Bound on how far the scores of a row lie apart, 0 if not known">
  ];
  let statistics = [PI_NumAttentions];
}

def PiReciprocalByRsqrt : Pass<"pi-reciprocal-by-rsqrt", "::mlir::ModuleOp"> {
  let summary = "divide by the sums of rows through their inverse square roots";
  let description = [{
    Sets `reciprocal_by_rsqrt` of every attention (`#pi.evaluation`). The sum s of
    a row's exponentials is positive, but a division of an engine first takes its
    sign, and then squares in whole blocks, however few rows there are. Here

        r = (1 / sqrt(s))^2        1 / s ~ r (2 - s r)

    is an inverse square root, which needs no sign, and three products. The last
    step of Newton squares the relative error of r (2e-4 in SPU), which leaves that
    of fixed point.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <reciprocal_by_rsqrt = true>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let statistics = [PI_NumAttentions];
}

def PiMergeHeads : Pass<"pi-merge-heads", "::mlir::ModuleOp"> {
  let summary = "put the products of several heads into one";
  let description = [{
    Sets `heads_per_product` of every attention (`#pi.evaluation`). Under
    homomorphic encryption each product of matrices has ciphertexts of its own,
    which the small matrices of a head do not fill: 32 x 32 x 32 takes one each
    way, and so does 32 x 128 x 128. With g heads in one product, scores and
    context are

        [S_1 ... S_g] = [Q_1 ... Q_g] diag(K_1, ..., K_g)^T
        [C_1 ... C_g] = [P_1 ... P_g] diag(V_1, ..., V_g)

    where diag is a block diagonal matrix. Its zeros add work, but no bytes
    as long as there is room. Every sum has the same terms as before, and zeros.

    Each attention gets the largest number of heads up to `heads` that divides
    its own number; all of them with 0. What is best depends on the sizes and is
    not found here: `pi-estimate-cost` says what a choice costs.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <heads_per_product = 4>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-merge-heads=heads=3`:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <heads_per_product = 2>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"heads", "heads", "int64_t", "0",
           "Most heads in one product, up to 1048576, or 0 for all">
  ];
  let statistics = [PI_NumAttentions];
}

def PiTemperatureByProduct
    : Pass<"pi-temperature-by-product", "::mlir::ModuleOp"> {
  let summary = "apply the temperature by a product of matrices";
  let description = [{
    Sets `temperature_by_product` of every attention with a temperature
    (`#pi.evaluation`). Its factors f = scale / t, one for each head and row, are
    known to the owner of the weights. Element by element each of the T d queries
    takes a product of its own; as

        [diag(f_1) ... diag(f_g)] diag(Q_1, ..., Q_g)

    they take one product of matrices for the g heads of `pi-merge-heads`, with one
    pass of encryption where the owner keeps the weights.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>, %t: tensor<4x16xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv temperature %t heads 4 scale 0.25 causal
          : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>, %t: tensor<4x16xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv temperature %t heads 4 scale 0.25 causal evaluation <temperature_by_product = true>
          : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let statistics = [PI_NumAttentions];
}

#endif // PI_TRANSFORMS_PRIVATE_ATTENTIONPASSES_TD
