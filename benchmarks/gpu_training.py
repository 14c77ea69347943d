# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train steps on the GPU against PyTorch, in one run on one GPU.

  python benchmarks/gpu_training.py TRAIN.pi [TRAIN.pi ...]

Each artefact is GPT-2 small in one of the architectures SM+LN+G, SM+LN+R,
SM+ScFuFFN and EReg(SM(t)+ScFuFFN), rewritten by pi-architecture, made by
pi-build-train-step and compiled for CUDA in bf16; its name says which:
NAME-BxT.pi with NAME one of sm-ln-g, sm-ln-r, sm-scfuffn, ereg. A step is
forward, backward, clipping by norm and AdamW, with tokens from the host and the
loss back to it. The peer is the same model by torch.compile: bf16 autocast, f32
weights, fused AdamW, clipping, and a vocabulary padded to 50304, which PyTorch's
products are much faster for; with attention by scaled_dot_product_attention where
no entropy is asked for, and else in two forms: probabilities T x T in memory, and
FlexAttention over V||K, from which the entropy of a row follows without them
(E = log-sum-exp - scale / t q . (P K)). Both sides are timed in turns, `--rounds`
times, and medians are reported; memory is what a side holds at its peak.
"""

import argparse
import gc
import json
import math
import re
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, LAYERS, VOCABULARY = 768, 12, 12, 50257
#: The rows of the peer's table: PyTorch's products are slow for 50257.
PADDED_VOCABULARY = 50304
GAMMA, LAMBDA = 0.2, 1e-5
#: Options of the model below by the name of the artefact.
ARCHITECTURES = {
    "sm-ln-g": {"norm": True, "activation": "gelu"},
    "sm-ln-r": {"norm": True, "activation": "relu"},
    "sm-scfuffn": {"fused": True},
    "ereg": {"fused": True, "entropy": True},
}


def attend(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True), None


def attend_materialised(q, k, v, temperature):
    """Result and entropy by the T x T probabilities."""
    length = q.shape[2]
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores.float() / temperature[None, :, :length, None]
    mask = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    logs = scores.masked_fill(mask, -math.inf).log_softmax(-1)
    p = logs.exp()
    entropy = -(p * logs.masked_fill(mask, 0)).sum(-1)
    return p.to(v.dtype) @ v, entropy


def attend_flex(q, k, v, temperature):
    """Result and entropy by FlexAttention over V||K."""
    from torch.nn.attention.flex_attention import flex_attention

    length, size = q.shape[2], q.shape[-1]
    scaled = (q / temperature[None, :, :length, None]).to(q.dtype)
    result, log_sum_exp = flex_attention(
        scaled,
        k,
        torch.cat([v, k], dim=-1),
        block_mask=attend_flex.masks[length],
        return_lse=True,
    )
    y, mean_key = result.split(size, dim=-1)
    mean_score = (scaled.float() * mean_key.float()).sum(-1) / math.sqrt(size)
    return y, log_sum_exp - mean_score


attend_flex.masks = {}


def prepare_flex(length):
    from torch.nn.attention.flex_attention import create_block_mask

    attend_flex.masks[length] = create_block_mask(
        lambda b, h, i, j: i >= j, None, None, length, length, device="cuda"
    )


class Block(nn.Module):
    def __init__(self, length, attention, norm=False, activation=None, fused=False):
        super().__init__()
        self.attention, self.activation, self.fused = attention, activation, fused
        self.c_attn = nn.Linear(WIDTH, 3 * WIDTH)
        self.c_proj = nn.Linear(WIDTH, WIDTH)
        if norm:
            self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        else:
            self.ln_1 = self.ln_2 = nn.Identity()
        if fused:
            self.mlp = nn.Linear(WIDTH, WIDTH)
            self.alpha = nn.Parameter(torch.ones(()))
            self.beta = nn.Parameter(torch.ones(()))
        else:
            self.c_fc = nn.Linear(WIDTH, 4 * WIDTH)
            self.mlp_proj = nn.Linear(4 * WIDTH, WIDTH)
        if attention is not attend:
            self.temperature = nn.Parameter(torch.ones(HEADS, length))
            self.threshold = nn.Parameter(torch.full((HEADS,), 0.5))

    def penalty(self, entropy):
        maximum = math.log(entropy.shape[-1])
        distance = entropy - self.threshold[None, :, None] * maximum
        outside = distance.abs() > GAMMA * maximum
        return LAMBDA * (distance.square() * outside).sum() / HEADS

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.c_attn(self.ln_1(x)).split(WIDTH, dim=2)
        shape = batch, length, HEADS, WIDTH // HEADS
        q, k, v = (part.view(shape).transpose(1, 2) for part in parts)
        if self.attention is attend:
            y, entropy = attend(q, k, v)
        else:
            y, entropy = self.attention(q, k, v, self.temperature)
        x = x + self.c_proj(y.transpose(1, 2).reshape(batch, length, WIDTH))
        penalty = 0 if entropy is None else self.penalty(entropy)
        if self.fused:
            return self.beta * x + self.mlp(x) / self.alpha, penalty
        h = self.c_fc(self.ln_2(x))
        h = F.relu(h) if self.activation == "relu" else F.gelu(h, approximate="tanh")
        return x + self.mlp_proj(h), penalty


class GPT2(nn.Module):
    def __init__(self, length, attention, options):
        super().__init__()
        options = {k: v for k, v in options.items() if k != "entropy"}
        self.wte = nn.Embedding(PADDED_VOCABULARY, WIDTH)
        self.wpe = nn.Embedding(1024, WIDTH)
        self.h = nn.ModuleList(
            Block(length, attention, **options) for _ in range(LAYERS)
        )
        self.ln_f = nn.LayerNorm(WIDTH) if options.get("norm") else nn.Identity()
        for parameter in self.parameters():
            if parameter.dim() == 2 and parameter.shape[0] != HEADS:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        penalties = []
        for block in self.h:
            x, penalty = block(x)
            penalties.append(penalty)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return loss + sum(penalties) / LAYERS


class Peer:
    """A model of PyTorch with its optimiser, in one form."""

    def __init__(self, name, architecture, batch, length):
        options = ARCHITECTURES[architecture]
        attention = attend
        if options.get("entropy"):
            attention = attend_flex if "V||K" in name else attend_materialised
            if attention is attend_flex and length not in attend_flex.masks:
                prepare_flex(length)
        torch.manual_seed(0)
        self.name = name
        self.model = GPT2(length, attention, options).cuda()
        self.loss = torch.compile(self.model)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True
        )

    def step(self, ids, targets):
        ids = torch.from_numpy(ids).cuda(non_blocking=True).long()
        targets = torch.from_numpy(targets).cuda(non_blocking=True).long()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = self.loss(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()


class Ours:
    name = "pi-mlir"

    def __init__(self, artifact):
        from pi_mlir.runtime import Model

        self.model = Model(artifact)
        self.model.initialize_weights(0)
        self.model.tune()
        self.steps = 0

    def step(self, ids, targets):
        self.steps += 1
        outputs = self.model.run(
            "train_step",
            {
                "input_ids": ids,
                "targets": targets,
                "learning_rate": np.float32(1e-4),
                "weight_decay": np.float32(0.1),
                "max_grad_norm": np.float32(1.0),
                "step": np.int32(self.steps),
            },
        )
        return float(outputs["loss"])

    def memory(self):
        return self.model.memory_bytes()


def forms_of(architecture):
    if ARCHITECTURES[architecture].get("entropy"):
        return ["torch.compile, T x T", "torch.compile, FlexAttention V||K"]
    return ["torch.compile"]


def time_steps(side, batches, steps):
    """Milliseconds of each of `steps` steps."""
    times = []
    for i in range(steps):
        begin = time.perf_counter()
        side.step(*batches[i % len(batches)])
        torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - begin))
    return times


def measure(artifact, options):
    match = re.fullmatch(r"(.+)-(\d+)x(\d+)\.pi", Path(artifact).name)
    architecture, batch, length = match[1], int(match[2]), int(match[3])
    generator = np.random.default_rng(0)
    batches = [
        tuple(
            generator.integers(VOCABULARY, size=(batch, length), dtype=np.int32)
            for _ in range(2)
        )
        for _ in range(4)
    ]
    print(f"{architecture}, B={batch} T={length}, bf16, ms a step (GiB):")
    results = {}
    # One peer at a time is in memory beside ours.
    peers = [name for name in forms_of(architecture) if options.peer in name]
    for name in [None] if options.alone else peers:
        begin = time.perf_counter()
        ours = Ours(artifact)
        losses = [ours.step(*batches[0])]
        results.setdefault("first_step_s", time.perf_counter() - begin)
        sides = [ours]
        memory = {}
        if name:
            torch.cuda.reset_peak_memory_stats()
            try:
                begin = time.perf_counter()
                peer = Peer(name, architecture, batch, length)
                losses.append(peer.step(*batches[0]))
                time_steps(peer, batches, 3)
                results[f"{name}, first four steps, s"] = time.perf_counter() - begin
                sides.append(peer)
                memory[name] = torch.cuda.max_memory_allocated()
            except torch.OutOfMemoryError:
                print(f"  {name}: out of memory")
        time_steps(ours, batches, 3)
        times = {side.name: [] for side in sides}
        for _ in range(options.rounds):
            for side in sides:
                times[side.name] += time_steps(side, batches, options.steps)
        memory["pi-mlir"] = ours.memory()
        for side in sides:
            median = statistics.median(times[side.name])
            results.setdefault(side.name, []).append(median)
            print(
                f"  {side.name:36} {median:8.2f}  ({memory[side.name] / 2**30:.2f})"
                f"  loss at first {losses[sides.index(side)]:.3f}",
                flush=True,
            )
            results[f"{side.name} GiB"] = memory[side.name] / 2**30
        ours.model.close()
        del sides, ours
        peer = None
        gc.collect()
        torch._dynamo.reset()
        torch.cuda.empty_cache()
    return results


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifacts", nargs="+", metavar="NAME-BxT.pi")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--peer", default="", help="peers whose name has this text")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--json", help="write the figures to this file")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    if not torch.cuda.is_available():
        raise SystemExit("gpu_training: error: no GPU")
    print(torch.cuda.get_device_name(), "PyTorch", torch.__version__)
    results = {Path(a).stem: measure(a, options) for a in options.artifacts}
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
