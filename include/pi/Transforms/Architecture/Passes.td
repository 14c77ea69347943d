//===- Passes.td - Rewrites of the architecture ------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// These passes turn a decoder into one of the architectures of
// Entropy-Guided Attention (arXiv 2501.03489). They find the layers by
// TransformerStructure, that is through use-def chains; a block of another
// form is left alone, with a remark at its attention or residual sum. Running
// a pass twice gives what running it once gives. Parameters that nothing
// refers to any more are erased.
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_ARCHITECTURE_PASSES_TD
#define PI_TRANSFORMS_ARCHITECTURE_PASSES_TD

include "mlir/Pass/PassBase.td"

class PI_ArchitecturePass<string name> : Pass<name, "::mlir::ModuleOp">;

def PI_NumParametersErased : Statistic<"numParametersErased",
    "parameters-erased", "Parameters that became unused">;

def PI_LayersOption : ListOption<"layers", "layers", "int64_t",
    "Layers to act on, counted from 0; all if empty">;

def PiRemoveLayerNorm : PI_ArchitecturePass<"pi-remove-layer-norm"> {
  let summary = "remove the LayerNorms of the layers";
  let description = [{
    Replaces the LayerNorm before attention and the one before the feed-forward
    block by their input. The LayerNorm before the head (`ln_f`) goes only with
    `final=remove`. This changes the function of the model: it has to be
    trained in this form.

    Before:

    ```mlir
    pi.parameter @h.0.ln_2.weight : tensor<64xf32>
    pi.parameter @h.0.ln_2.bias : tensor<64xf32>
    func.func @block(%x: tensor<1x16x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.ln_2.weight : tensor<64xf32>
      %b = pi.load @h.0.ln_2.bias : tensor<64xf32>
      %0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
      %1 = pi.linear %0, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %2 = pi.gelu %1 approximate tanh : tensor<1x16x256xf32>
      %3 = pi.linear %2, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %4 = pi.add %x, %3 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %4 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @block(%x: tensor<1x16x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      %1 = pi.linear %x, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %2 = pi.gelu %1 approximate tanh : tensor<1x16x256xf32>
      %3 = pi.linear %2, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %4 = pi.add %x, %3 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %4 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"finalLayerNorm", "final", "::mlir::pi::FinalLayerNorm",
           "::mlir::pi::FinalLayerNorm::Keep",
           "The LayerNorm before the head",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::FinalLayerNorm::Keep, "keep", "stays"),
               clEnumValN(::mlir::pi::FinalLayerNorm::Remove, "remove",
                          "goes with the others"))}]>,
    Option<"inLayers", "in-layers", "bool", "true",
           "Whether the LayerNorms of the layers go">,
    Option<"before", "before", "::mlir::pi::LayerNormPlace",
           "::mlir::pi::LayerNormPlace::Both",
           "Which LayerNorms of a layer go",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::LayerNormPlace::Both, "both",
                          "both of them"),
               clEnumValN(::mlir::pi::LayerNormPlace::Attention, "attention",
                          "the one before attention"),
               clEnumValN(::mlir::pi::LayerNormPlace::FeedForward,
                          "feed-forward",
                          "the one before the feed-forward block"))}]>,
    PI_LayersOption
  ];
  let statistics = [
    Statistic<"numRemoved", "removed", "LayerNorms removed">, PI_NumParametersErased
  ];
}

def PiReplaceGelu : PI_ArchitecturePass<"pi-replace-gelu"> {
  let summary = "replace the activation of the feed-forward blocks";
  let description = [{
    Puts a cheaper function where GELU stands between the linears of a
    feed-forward block: `relu`, `identity`, or a `polynomial` of given
    coefficients, lowest degree first. With `from=any` other activations are
    replaced, too. The default polynomial is "Quad" of MPCFormer (Li et al.,
    arXiv 2211.01452), 0.5 + 0.25 x + 0.125 x^2. This changes the function of
    the model: it has to be trained, or tuned, in this form.

    Before:

    ```mlir
    func.func @block(%x: tensor<1x16x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      %1 = pi.linear %x, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %2 = pi.gelu %1 approximate tanh : tensor<1x16x256xf32>
      %3 = pi.linear %2, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %4 = pi.add %x, %3 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %4 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-replace-gelu=with=polynomial`:

    ```mlir
    func.func @block(%x: tensor<1x16x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      %1 = pi.linear %x, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %2 = pi.polynomial %1 coefficients [0.5, 0.25, 0.125] : tensor<1x16x256xf32>
      %3 = pi.linear %2, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %4 = pi.add %x, %3 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %4 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"replacement", "with", "::mlir::pi::Activation",
           "::mlir::pi::Activation::Relu", "What stands there afterwards",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::Activation::Relu, "relu", "max(x, 0)"),
               clEnumValN(::mlir::pi::Activation::Identity, "identity",
                          "nothing: the second linear reads the first"),
               clEnumValN(::mlir::pi::Activation::Polynomial, "polynomial",
                          "sum of coefficients[i] * x^i"),
               clEnumValN(::mlir::pi::Activation::Polynomial, "poly",
                          "the same"))}]>,
    Option<"from", "from", "::mlir::pi::ReplacedActivation",
           "::mlir::pi::ReplacedActivation::Gelu", "What is replaced",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::ReplacedActivation::Gelu, "gelu",
                          "GELU in either form"),
               clEnumValN(::mlir::pi::ReplacedActivation::Any, "any",
                          "every activation"))}]>,
    ListOption<"coefficients", "coefficients", "double",
               "Coefficients of the polynomial, lowest degree first "
               "(default: 0.5,0.25,0.125)">,
    PI_LayersOption
  ];
  let statistics = [
    Statistic<"numReplaced", "replaced", "Activations replaced">, PI_NumParametersErased
  ];
}

def PiRemoveFFN : PI_ArchitecturePass<"pi-remove-ffn"> {
  let summary = "remove feed-forward blocks";
  let description = [{
    Removes the feed-forward block of the given layers with its LayerNorm and
    residual connection, so that the next layer reads what attention gave. This
    changes the function of the model.

    Before:

    ```mlir
    pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32>
    func.func @block(%x: tensor<1x16x64xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      %fc = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
      %1 = pi.linear %x, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %2 = pi.gelu %1 approximate tanh : tensor<1x16x256xf32>
      %3 = pi.linear %2, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %4 = pi.add %x, %3 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %4 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-remove-ffn=layers=0`:

    ```mlir
    func.func @block(%x: tensor<1x16x64xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      return %x : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [PI_LayersOption];
  let statistics = [
    Statistic<"numRemoved", "removed", "Feed-forward blocks removed">,
    PI_NumParametersErased
  ];
}

def PiNormalizeWeights : PI_ArchitecturePass<"pi-normalize-weights"> {
  let summary = "normalise weights instead of activations";
  let description = [{
    Puts `pi.weight_norm` or `pi.spectral_norm` between a weight and the linear
    that reads it. In the packed projection of attention, q, k and v are ranges
    of columns, normalised each on its own.

    Weight normalisation adds a gain for each column, named after the weight
    (`...weight_g`). It is derived as the norms of the columns of the weight,
    so that a loaded model keeps its function. Spectral normalisation has no
    parameter and divides the weight by its largest singular value: it changes
    the function of a model that was not trained with it.

    Before:

    ```mlir
    pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> decay
    pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32> decay
    func.func @block(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %fc = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
      %1 = pi.linear %x, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %proj = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
      %2 = pi.linear %1, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %3 = pi.add %x, %2 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %3 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> decay
    pi.parameter @h.0.mlp.c_fc.weight_g : tensor<256xf32> derived {
      %0 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
      %1 = pi.column_norm %0 : (tensor<64x256xf32>) -> tensor<256xf32>
      pi.yield %1 : tensor<256xf32>
    }
    pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32> decay
    pi.parameter @h.0.mlp.c_proj.weight_g : tensor<64xf32> derived {
      %0 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
      %1 = pi.column_norm %0 : (tensor<256x64xf32>) -> tensor<64xf32>
      pi.yield %1 : tensor<64xf32>
    }
    func.func @block(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %fc = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
      %fc_g = pi.load @h.0.mlp.c_fc.weight_g : tensor<256xf32>
      %fc_n = pi.weight_norm %fc gain %fc_g : (tensor<64x256xf32>, tensor<256xf32>) -> tensor<64x256xf32>
      %1 = pi.linear %x, %fc_n : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %proj = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
      %proj_g = pi.load @h.0.mlp.c_proj.weight_g : tensor<64xf32>
      %proj_n = pi.weight_norm %proj gain %proj_g : (tensor<256x64xf32>, tensor<64xf32>) -> tensor<256x64xf32>
      %2 = pi.linear %1, %proj_n : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %3 = pi.add %x, %2 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %3 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"kind", "kind", "::mlir::pi::WeightNormalization",
           "::mlir::pi::WeightNormalization::Weight", "Kind of normalisation",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::WeightNormalization::Weight, "weight",
                          "columns have the norm of a learnable gain"),
               clEnumValN(::mlir::pi::WeightNormalization::Spectral, "spectral",
                          "the largest singular value is 1"))}]>,
    Option<"placement", "placement", "::mlir::pi::Placement",
           "::mlir::pi::Placement::FFN", "Linears whose weights are normalised",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::Placement::QK, "QK", "q and k"),
               clEnumValN(::mlir::pi::Placement::FFN, "FFN",
                          "the linears of the feed-forward block"),
               clEnumValN(::mlir::pi::Placement::QKFFN, "QK+FFN", "both"),
               clEnumValN(::mlir::pi::Placement::QKVFFN, "QKV+FFN",
                          "v besides"),
               clEnumValN(::mlir::pi::Placement::QKVOFFN, "QKVO+FFN",
                          "the output projection of attention besides"))}]>,
    Option<"iterations", "iterations", "int64_t", "16",
           "Steps of the power method of spectral normalisation">
  ];
  let statistics = [
    Statistic<"numNormalized", "normalized", "Weights normalised">
  ];
}

def PiScaleFFN : PI_ArchitecturePass<"pi-scale-ffn"> {
  let summary = "scale the residual connection of the feed-forward blocks";
  let description = [{
    Turns the sum `x + FFN(x)` into `beta * x + (1 / alpha) * FFN(x)`, with
    learnable scalars alpha and beta for each layer. Both are 1 at first, and
    also when a checkpoint that lacks them is loaded, so that a loaded model
    keeps its function.

    Before:

    ```mlir
    pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32>
    func.func @block(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.mlp.fused.weight : tensor<64x64xf32>
      %1 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
      %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %2 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32>
    pi.parameter @h.0.mlp.alpha : tensor<f32> init(#pi.fill<1.0>) derived {
      %0 = arith.constant dense<1.0> : tensor<f32>
      pi.yield %0 : tensor<f32>
    }
    pi.parameter @h.0.mlp.beta : tensor<f32> init(#pi.fill<1.0>) derived {
      %0 = arith.constant dense<1.0> : tensor<f32>
      pi.yield %0 : tensor<f32>
    }
    func.func @block(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.mlp.fused.weight : tensor<64x64xf32>
      %1 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
      %beta = pi.load @h.0.mlp.beta : tensor<f32>
      %alpha = pi.load @h.0.mlp.alpha : tensor<f32>
      %2 = pi.scaled_residual %x, %1 alpha %alpha beta %beta : (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<f32>, tensor<f32>) -> tensor<1x16x64xf32>
      return %2 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [PI_LayersOption];
  let statistics = [
    Statistic<"numScaled", "scaled", "Feed-forward blocks scaled">
  ];
}

def PiFuseFFN : PI_ArchitecturePass<"pi-fuse-ffn"> {
  let summary = "fuse the two linears of a feed-forward block";
  let description = [{
    Replaces two linears with nothing between by one of `d x d`. Its weight is
    derived as `W1 W2` and its bias as `b1 W2 + b2`, so that the function of a
    loaded model stays; the two weights stay as the sources of the derivation.
    A block with an activation between is left alone with a remark
    (`pi-replace-gelu` removes it).

    Before:

    ```mlir
    pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> decay
    pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32> init(#pi.normal<0.01>) decay
    func.func @block(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %fc = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
      %1 = pi.linear %x, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %proj = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
      %2 = pi.linear %1, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %3 = pi.add %x, %2 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %3 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> decay
    pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32> init(#pi.normal<0.01>) decay
    pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32> init(#pi.normal<0.01>) decay derived {
      %0 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
      %1 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
      %2 = pi.matmul %0, %1 : (tensor<64x256xf32>, tensor<256x64xf32>) -> tensor<64x64xf32>
      pi.yield %2 : tensor<64x64xf32>
    }
    func.func @block(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.mlp.fused.weight : tensor<64x64xf32>
      %1 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
      %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %2 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [PI_LayersOption];
  let statistics = [
    Statistic<"numFused", "fused", "Feed-forward blocks fused">, PI_NumParametersErased
  ];
}

def PiAddTemperature : PI_ArchitecturePass<"pi-add-temperature"> {
  let summary = "give attention a learnable temperature: SM(t)";
  let description = [{
    Adds a temperature with one element for each head and query position to
    every attention that has none. `init` is where training from scratch
    starts; the paper uses 1e-2 (CodeParrot) and 1e-1 (Languini). When a
    checkpoint that has no temperature is loaded, the derivation gives 1
    instead, so that the loaded model keeps its function.

    Before:

    ```mlir
    pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
    func.func @attend(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
      %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
      %y = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %y : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
    pi.parameter @h.0.attn.temperature : tensor<4x16xf32> init(#pi.fill<0.01>) derived {
      %0 = arith.constant dense<1.0> : tensor<4x16xf32>
      pi.yield %0 : tensor<4x16xf32>
    }
    func.func @attend(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
      %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
      %t = pi.load @h.0.attn.temperature : tensor<4x16xf32>
      %y = pi.attention %qkv temperature %t heads 4 scale 0.25 causal : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
      return %y : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"init", "init", "double", "0.01",
           "Temperature at the start of training from scratch">,
    PI_LayersOption
  ];
  let statistics = [
    Statistic<"numAdded", "added", "Temperatures added">
  ];
}

def PiAddEntropyRegularizer
    : PI_ArchitecturePass<"pi-add-entropy-regularizer"> {
  let summary = "penalise the entropy of attention rows in training: EReg";
  let description = [{
    Has every attention give the entropy of its rows, and adds a learnable
    threshold for each head and a `pi.entropy_penalty` that joins the loss
    (`pi.add_loss`), which only training evaluates: `pi-strip-training` drops
    all of it again. `reading`, `gamma`
    and `lambda` are explained there. An attention that has a penalty already
    keeps its threshold and gets the attributes given here.

    Before:

    ```mlir
    pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
    func.func @attend(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
      %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
      %y = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %y : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
    pi.parameter @h.0.attn.reg_threshold_weights : tensor<4xf32> init(#pi.fill<0.5>) derived {
      %0 = arith.constant dense<0.5> : tensor<4xf32>
      pi.yield %0 : tensor<4xf32>
    }
    func.func @attend(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
      %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
      %y, %e = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
      %theta = pi.load @h.0.attn.reg_threshold_weights : tensor<4xf32>
      %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
      pi.add_loss %p : tensor<f32>
      return %y : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"reading", "reading", "::mlir::pi::EntropyReading",
           "::mlir::pi::EntropyReading::per_row",
           "What is compared with the threshold of a head",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::EntropyReading::per_row, "per-row",
                          "the entropy of every query row"),
               clEnumValN(::mlir::pi::EntropyReading::per_head, "per-head",
                          "the mean entropy of the head"))}]>,
    Option<"gamma", "gamma", "double", "0.2",
           "Deviation that is not penalised, as a share of log T">,
    Option<"lambda", "lambda", "double", "1.0e-5", "Weight of the penalty">,
    Option<"threshold", "threshold", "double", "0.5",
           "Thresholds at the start, as a share of log T">
  ];
  let statistics = [
    Statistic<"numAdded", "added", "Penalties added">
  ];
}

def PiRemoveUnusedParameters
    : PI_ArchitecturePass<"pi-remove-unused-parameters"> {
  let summary = "erase parameters that nothing refers to";
  let description = [{
    Erases loads whose result nobody reads, and then parameters that no
    operation and no derivation of a parameter that stays refers to. A
    checkpoint may still have tensors of their names: loading ignores them.

    Before:

    ```mlir
    pi.parameter @source : tensor<4xf32>
    pi.parameter @derived : tensor<4xf32> derived {
      %0 = pi.load @source : tensor<4xf32>
      pi.yield %0 : tensor<4xf32>
    }
    pi.parameter @kept : tensor<4xf32>
    func.func @f() -> tensor<4xf32> {
      %0 = pi.load @derived : tensor<4xf32>
      %1 = pi.load @kept : tensor<4xf32>
      return %1 : tensor<4xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @kept : tensor<4xf32>
    func.func @f() -> tensor<4xf32> {
      %1 = pi.load @kept : tensor<4xf32>
      return %1 : tensor<4xf32>
    }
    ```
  }];
  let statistics = [PI_NumParametersErased];
}

def PiArchitecture : PI_ArchitecturePass<"pi-architecture"> {
  let summary = "rewrite a decoder into a named architecture";
  let description = [{
    Composes the other passes so that the model is what `name` says. A name
    lists the nonlinear functions that remain and how the model is stabilised
    without the others, joined by `+`, in the notation of arXiv 2501.03489:

    | part | meaning |
    |---|---|
    | `SM`, `SM(t)` | softmax attention; with a learnable temperature |
    | `LN` | LayerNorm before attention and before the feed-forward block |
    | `G`, `R` | GELU or ReLU between the linears of the feed-forward block; identity without either |
    | `WNorm(P)`, `SNorm(P)` | weight or spectral normalisation; P is `QK`, `FFN`, `QK+FFN`, `QKV+FFN` or `QKVO+FFN` |
    | `ScFFN` | feed-forward block with learnable scaling |
    | `ScFuFFN` | the same, its two linears fused into one |
    | `EReg(...)` | the architecture in parentheses, trained with the entropy regulariser |

    Names of the paper: `SM+LN+G`, `SM+LN+R`, `SM+LN`, `SM+G`, `SM+R`, `SM`,
    `SM+WNorm(P)`, `SM+SNorm(P)`, `SM+ScFFN`, `SM+ScFuFFN`,
    `SM(t)+ScFuFFN`, `EReg(SM(t)+ScFuFFN)`. Any other combination of the parts
    works as well. Spaces and case do not matter.

    The paper's tables do not settle whether the LayerNorm before the head
    stays. `final-layer-norm=auto` keeps it where the name has `LN` and removes
    it where not.

    A rewrite only takes nonlinear functions away: a model that lacks one that
    the name asks for is an error, as is a model of which no layer is found.

    Before:

    ```mlir
    pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
    func.func @layer(%x: tensor<1x16x64xf32>, %o: tensor<64x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
      %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
      %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      %0 = pi.linear %a, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
      %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      %2 = pi.linear %1, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %3 = pi.gelu %2 approximate tanh : tensor<1x16x256xf32>
      %4 = pi.linear %3, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %5 = pi.add %1, %4 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %5 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-architecture=name=SM(t)+R`:

    ```mlir
    pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
    pi.parameter @h.0.attn.temperature : tensor<4x16xf32> init(#pi.fill<0.01>) derived {
      %0 = arith.constant dense<1.0> : tensor<4x16xf32>
      pi.yield %0 : tensor<4x16xf32>
    }
    func.func @layer(%x: tensor<1x16x64xf32>, %o: tensor<64x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
      %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
      %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
      %t = pi.load @h.0.attn.temperature : tensor<4x16xf32>
      %a = pi.attention %qkv temperature %t heads 4 scale 0.25 causal : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
      %0 = pi.linear %a, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
      %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      %2 = pi.linear %1, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      %3 = pi.relu %2 : tensor<1x16x256xf32>
      %4 = pi.linear %3, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
      %5 = pi.add %1, %4 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
      return %5 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"name", "name", "std::string", "", "Architecture, as in the paper">,
    Option<"finalLayerNorm", "final-layer-norm", "::mlir::pi::FinalLayerNorm",
           "::mlir::pi::FinalLayerNorm::Auto", "The LayerNorm before the head",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::FinalLayerNorm::Auto, "auto",
                          "stays if the name has LN"),
               clEnumValN(::mlir::pi::FinalLayerNorm::Keep, "keep", "stays"),
               clEnumValN(::mlir::pi::FinalLayerNorm::Remove, "remove",
                          "goes"))}]>,
    Option<"temperature", "temperature", "double", "0.01",
           "init of pi-add-temperature">,
    Option<"iterations", "iterations", "int64_t", "16",
           "iterations of pi-normalize-weights">,
    Option<"reading", "reading", "::mlir::pi::EntropyReading",
           "::mlir::pi::EntropyReading::per_row",
           "reading of pi-add-entropy-regularizer",
           [{::llvm::cl::values(
               clEnumValN(::mlir::pi::EntropyReading::per_row, "per-row",
                          "the entropy of every query row"),
               clEnumValN(::mlir::pi::EntropyReading::per_head, "per-head",
                          "the mean entropy of the head"))}]>,
    Option<"gamma", "gamma", "double", "0.2",
           "gamma of pi-add-entropy-regularizer">,
    Option<"lambda", "lambda", "double", "1.0e-5",
           "lambda of pi-add-entropy-regularizer">,
    Option<"threshold", "threshold", "double", "0.5",
           "threshold of pi-add-entropy-regularizer">
  ];
}

#endif // PI_TRANSFORMS_ARCHITECTURE_PASSES_TD
