# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-2 and its rewritten architectures in plain PyTorch.

What a compiled artefact is compared with. Written for reading: every formula is
that of "Entropy-Guided Attention for Private LLMs" (arXiv 2501.03489), and
`state_dict()` has the names of the compiler's parameters, which are those of a
Hugging Face checkpoint without the leading `transformer.`.

B is the batch size, T the number of positions, d the width, H the number of
heads, V the vocabulary size.
"""

import math
import re
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

#: Parts of a block that a placement of weight or spectral normalisation covers.
PLACEMENTS = {
    "QK": "QK",
    "FFN": "F",
    "QK+FFN": "QKF",
    "QKV+FFN": "QKVF",
    "QKVO+FFN": "QKVOF",
}


@dataclass(frozen=True)
class Architecture:
    """Which nonlinear functions remain and what replaced the others."""

    layer_norm: bool = True
    #: Whether the LayerNorm before the head is there.
    final_layer_norm: bool = True
    #: "gelu_new", "gelu", "relu", "identity", or coefficients of a polynomial,
    #: lowest degree first.
    activation: str | tuple[float, ...] = "gelu_new"
    temperature: bool = False
    #: x_out = beta x + FFN(x) / alpha.
    scaled_ffn: bool = False
    #: One d x d matrix instead of two linear layers.
    fused_ffn: bool = False
    #: "weight" or "spectral" normalisation of the linears in `placement`.
    normalization: str | None = None
    placement: str = ""
    spectral_iterations: int = 16

    @classmethod
    def parse(cls, name, activation="gelu_new", final_layer_norm=None):
        """The architecture that `pi-architecture` makes of `name`.

        `activation` is the model's own, which a name with `G` keeps.
        `final_layer_norm` says whether `ln_f` stays: if the name has LN where it
        is None.
        """
        text = "".join(name.lower().split())
        regularized = re.fullmatch(r"ereg\((.*)\)", text)
        attention, *parts = split_parts(regularized.group(1) if regularized else text)
        if attention not in ("sm", "sm(t)"):
            raise ValueError(f"unknown architecture {name!r}")
        options = {"layer_norm": False, "activation": "identity"}
        options["temperature"] = attention == "sm(t)"
        for part in parts:
            norm = re.fullmatch(r"([ws])norm\((.*)\)", part)
            if part == "ln":
                options["layer_norm"] = True
            elif part == "g":
                options["activation"] = activation
            elif part == "r":
                options["activation"] = "relu"
            elif part in ("scffn", "scfuffn"):
                options["scaled_ffn"] = True
                options["fused_ffn"] = part == "scfuffn"
            elif norm and norm.group(2).upper() in PLACEMENTS:
                options["normalization"] = {"w": "weight", "s": "spectral"}[norm[1]]
                options["placement"] = PLACEMENTS[norm[2].upper()]
            else:
                raise ValueError(f"unknown part {part!r} of architecture {name!r}")
        if final_layer_norm is None:
            final_layer_norm = options["layer_norm"]
        return cls(final_layer_norm=final_layer_norm, **options)


def split_parts(text):
    """The parts of `text` between those `+` that are outside parentheses."""
    return re.findall(r"[^+(]+(?:\([^)]*\))?", text) or [""]


def spectral_norm(weight, iterations):
    """Largest singular value of `weight` by the power method from equal elements."""
    v = torch.full((weight.shape[1],), 1 / math.sqrt(weight.shape[1]))
    for _ in range(iterations):
        u = F.normalize(weight @ v, dim=0)
        v = F.normalize(weight.T @ u, dim=0)
    return torch.linalg.vector_norm(weight @ v)


class Linear(nn.Module):
    """y = x W + b in the layout of GPT-2's Conv1D: W is in x out.

    `ranges` are the columns that weight or spectral normalisation covers.
    """

    def __init__(self, in_features, out_features, ranges=(), kind=None, iterations=0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.ranges, self.kind, self.iterations = ranges, kind, iterations
        if kind == "weight" and ranges:
            size = sum(end - begin for begin, end in ranges)
            self.weight_g = nn.Parameter(torch.empty(size))

    def normalized_weight(self):
        columns, position, gain = [], 0, 0
        for begin, end in self.ranges:
            columns.append(self.weight[:, position:begin])
            part = self.weight[:, begin:end]
            if self.kind == "weight":
                scale = self.weight_g[gain : gain + end - begin] / part.norm(dim=0)
                gain += end - begin
            else:
                scale = 1 / spectral_norm(part, self.iterations)
            columns.append(part * scale)
            position = end
        return torch.cat([*columns, self.weight[:, position:]], dim=1)

    def forward(self, x):
        return x @ self.normalized_weight() + self.bias

    def derive(self, loaded, prefix):
        if hasattr(self, "weight_g") and f"{prefix}weight_g" not in loaded:
            weight = loaded[f"{prefix}weight"]
            parts = [weight[:, begin:end].norm(dim=0) for begin, end in self.ranges]
            loaded[f"{prefix}weight_g"] = torch.cat(parts)


def make_linear(architecture, in_features, out_features, parts):
    """A linear layer whose equal column ranges are `parts`, as "QKV"."""
    size = out_features // len(parts)
    ranges = [
        (i * size, (i + 1) * size)
        for i, part in enumerate(parts)
        if part in architecture.placement
    ]
    return Linear(
        in_features,
        out_features,
        ranges,
        architecture.normalization,
        architecture.spectral_iterations,
    )


class Attention(nn.Module):
    """Causal softmax attention, with a temperature for each head and row if asked."""

    def __init__(self, config, architecture, layer, length):
        super().__init__()
        self.heads = config.n_head
        self.c_attn = make_linear(architecture, config.n_embd, 3 * config.n_embd, "QKV")
        self.c_proj = make_linear(architecture, config.n_embd, config.n_embd, "O")
        if architecture.temperature:
            self.temperature = nn.Parameter(torch.empty(config.n_head, length))
        self.scale = 1.0
        if config.scale_attn_weights:
            self.scale /= math.sqrt(config.n_embd // config.n_head)
        if config.scale_attn_by_inverse_layer_idx:
            self.scale /= layer + 1

    def forward(self, x):
        batch, length, width = x.shape
        shape = batch, length, self.heads, width // self.heads
        q, k, v = (
            part.view(shape).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        scores = q @ k.transpose(2, 3) * self.scale
        if hasattr(self, "temperature"):
            scores = scores / self.temperature[:, :length, None]
        mask = torch.ones(length, length, dtype=torch.bool).triu(1)
        probabilities = scores.masked_fill(mask, -torch.inf).softmax(dim=-1)
        context = (probabilities @ v).transpose(1, 2).reshape(batch, length, width)
        return self.c_proj(context)

    def derive(self, loaded, prefix):
        if hasattr(self, "temperature"):
            loaded.setdefault(f"{prefix}temperature", torch.ones_like(self.temperature))


def activate(x, activation):
    """`activation` of every element; see `Architecture.activation`."""
    if isinstance(activation, tuple):
        return sum(c * x**i for i, c in enumerate(activation))
    if activation in ("gelu_new", "gelu_pytorch_tanh"):
        return F.gelu(x, approximate="tanh")
    return {"gelu": F.gelu, "relu": F.relu, "identity": lambda x: x}[activation](x)


class FeedForward(nn.Module):
    """beta x + FFN(input) / alpha, where unscaled means alpha = beta = 1."""

    def __init__(self, config, architecture):
        super().__init__()
        self.activation = architecture.activation
        inner = config.n_inner or 4 * config.n_embd
        if architecture.fused_ffn:
            self.fused = Linear(config.n_embd, config.n_embd)
        else:
            self.c_fc = make_linear(architecture, config.n_embd, inner, "F")
            self.c_proj = make_linear(architecture, inner, config.n_embd, "F")
        if architecture.scaled_ffn:
            self.alpha = nn.Parameter(torch.empty(()))
            self.beta = nn.Parameter(torch.empty(()))

    def forward(self, residual, x):
        if hasattr(self, "fused"):
            update = self.fused(x)
        else:
            update = self.c_proj(activate(self.c_fc(x), self.activation))
        if not hasattr(self, "alpha"):
            return residual + update
        return self.beta * residual + update / self.alpha

    def derive(self, loaded, prefix):
        if hasattr(self, "alpha"):
            loaded.setdefault(f"{prefix}alpha", torch.tensor(1.0))
            loaded.setdefault(f"{prefix}beta", torch.tensor(1.0))
        if hasattr(self, "fused") and f"{prefix}fused.weight" not in loaded:
            out = loaded[f"{prefix}c_proj.weight"]
            loaded[f"{prefix}fused.weight"] = loaded[f"{prefix}c_fc.weight"] @ out
            loaded[f"{prefix}fused.bias"] = (
                loaded[f"{prefix}c_fc.bias"] @ out + loaded[f"{prefix}c_proj.bias"]
            )


class Block(nn.Module):
    def __init__(self, config, architecture, layer, length):
        super().__init__()
        if architecture.layer_norm:
            epsilon = config.layer_norm_epsilon
            self.ln_1 = nn.LayerNorm(config.n_embd, eps=epsilon)
            self.ln_2 = nn.LayerNorm(config.n_embd, eps=epsilon)
        self.attn = Attention(config, architecture, layer, length)
        self.mlp = FeedForward(config, architecture)

    def forward(self, x):
        normalized = self.ln_1(x) if hasattr(self, "ln_1") else x
        x = x + self.attn(normalized)
        return self.mlp(x, self.ln_2(x) if hasattr(self, "ln_2") else x)


class ReferenceGPT2(nn.Module):
    """Token ids B x T to logits B x T x V.

    `config` is transformers' GPT2Config, `length` the largest T (the size of a
    temperature), `n_positions` if None.
    """

    def __init__(self, config, architecture=Architecture(), length=None):
        super().__init__()
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.h = nn.ModuleList(
            Block(config, architecture, layer, length or config.n_positions)
            for layer in range(config.n_layer)
        )
        if architecture.final_layer_norm:
            self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, input_ids):
        x = self.wte(input_ids) + self.wpe.weight[: input_ids.shape[1]]
        for block in self.h:
            x = block(x)
        if hasattr(self, "ln_f"):
            x = self.ln_f(x)
        return self.lm_head(x) if hasattr(self, "lm_head") else x @ self.wte.weight.T

    def load_checkpoint(self, state_dict):
        """Loads a checkpoint, of this architecture or of the GPT-2 it came from.

        What the checkpoint lacks is derived as the compiler derives it; what the
        architecture has no use for is left out.
        """
        loaded = {
            name.removeprefix("transformer."): tensor.to(torch.float32)
            for name, tensor in state_dict.items()
        }
        for name, module in self.named_modules():
            if hasattr(module, "derive"):
                module.derive(loaded, f"{name}.")
        wanted = self.state_dict().keys()
        missing = sorted(wanted - loaded.keys())
        if missing:
            raise KeyError(f"the checkpoint has no {missing[0]}")
        self.load_state_dict({name: loaded[name] for name in wanted})
        return self
