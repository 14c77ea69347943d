# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPU forward pass and decoding against PyTorch, in one run on one GPU.

  python benchmarks/gpu_forward.py --forward forward.pi --decode decode.pi

The artefacts are GPT-2 small compiled for CUDA in bf16; their weights do not
matter for speed and are drawn at random. Forward: all logits of B x T tokens
stay on the GPU on both sides. Decoding: batch 1, greedy, a static key/value
cache, one CUDA graph a token on both sides. The peer is GPT-2 written plainly
in PyTorch (scaled_dot_product_attention, fused QKV, bf16 weights), run eagerly
and by torch.compile; the ratio is against the fastest form. Both sides are
timed in turns, `--rounds` times, and medians are reported.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.mlp_proj = nn.Linear(4 * width, width)

    def attend(self, q, k, v, cache, position):
        if cache is None:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        cache[0].index_copy_(2, position, k)
        cache[1].index_copy_(2, position, v)
        seen = torch.arange(cache.shape[3], device=q.device) <= position
        return F.scaled_dot_product_attention(
            q, cache[0], cache[1], attn_mask=seen[None, None, None]
        )

    def forward(self, x, cache=None, position=None):
        batch, length, width = x.shape
        shape = batch, length, self.heads, width // self.heads
        parts = self.c_attn(self.ln_1(x)).split(width, dim=2)
        q, k, v = (part.view(shape).transpose(1, 2) for part in parts)
        y = self.attend(q, k, v, cache, position)
        x = x + self.c_proj(y.transpose(1, 2).reshape(batch, length, width))
        hidden = F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")
        return x + self.mlp_proj(hidden)


class GPT2(nn.Module):
    def __init__(self, model, layers=12, heads=12, width=768):
        super().__init__()
        self.wte = nn.Embedding(model["vocab_size"], width)
        self.wpe = nn.Embedding(1024, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)

    def decode(self, ids, position, caches):
        x = self.wte(ids) + self.wpe(position)
        for block, cache in zip(self.h, caches):
            x = block(x, cache, position)
        return F.linear(self.ln_f(x), self.wte.weight)[:, -1].argmax(-1, keepdim=True)


def event_ms(function, repeats=10):
    """Median milliseconds of one call, by CUDA events."""
    times = []
    for _ in range(repeats):
        start = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        start.record()
        function()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def capture(function):
    """`function` as one CUDA graph to replay."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            function()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay


def info(pi_run, artifact):
    command = [pi_run, artifact, "--info"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text)["model"]


def make_weights(directory):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(directory)


def pi_times(pi_run, artifact, weights, repeats):
    command = [pi_run, artifact, "--weights", weights, "--benchmark", str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


@torch.inference_mode()
def peers_of_forward(model):
    peer = GPT2(model).cuda().bfloat16().eval()
    shape = model["batch"], model["sequence_length"]
    ids = torch.randint(model["vocab_size"], shape, device="cuda")
    compiled = torch.compile(peer)
    tuned = torch.compile(peer, mode="max-autotune-no-cudagraphs")
    forms = {
        "eager": lambda: peer(ids),
        "torch.compile": lambda: compiled(ids),
        "torch.compile max-autotune": lambda: tuned(ids),
    }
    for form in forms.values():
        for _ in range(3):
            form()
    return forms


@torch.inference_mode()
def peers_of_decode(model):
    peer = GPT2(model).cuda().bfloat16().eval()
    shape = 2, 1, 12, model["sequence_length"], 64
    caches = [torch.zeros(shape, device="cuda").bfloat16() for _ in peer.h]
    ids = torch.zeros(1, 1, dtype=torch.long, device="cuda")
    position = torch.full((1,), model["sequence_length"] // 2, device="cuda")

    def step(decode):
        ids.copy_(decode(ids, position, caches))

    compiled = torch.compile(peer.decode)
    step(compiled)
    return {
        "eager, CUDA graph": capture(lambda: step(peer.decode)),
        "torch.compile, CUDA graph": capture(lambda: step(compiled)),
    }


@torch.inference_mode()
def compare(what, unit, scale, key, args, artifact, peers, weights):
    model = info(args.pi_run, artifact)
    forms = peers(model)
    times = {name: [] for name in forms}
    ours = []
    for _ in range(args.rounds):
        for name, form in forms.items():
            times[name].append(scale * event_ms(form))
        ours.append(pi_times(args.pi_run, artifact, weights, args.repeats)[key])
    medians = {name: statistics.median(values) for name, values in times.items()}
    best = min(medians, key=medians.get)
    mine = statistics.median(ours)
    print(f"{what}, B={model['batch']} T={model['sequence_length']}, {unit}:")
    for name, median in medians.items():
        print(f"  {name:28} {median:9.2f}")
    print(f"  {'pi-mlir':28} {mine:9.2f}   {medians[best] / mine:.2f}x {best}")
    return {"peers": medians, "pi": mine, "ratio": medians[best] / mine, **model}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pi-run", default="build/bin/pi-run")
    parser.add_argument("--forward", help="artefact of the forward pass")
    parser.add_argument("--decode", help="artefact of decoding, batch 1")
    parser.add_argument("--weights", help="GPT-2 small checkpoint (default: random)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("gpu_forward: error: no GPU")
    print(torch.cuda.get_device_name(), "PyTorch", torch.__version__)
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        weights = args.weights or directory
        if not args.weights:
            make_weights(directory)
        if args.forward:
            results["forward"] = compare(
                "Forward with head, bf16",
                "ms",
                1,
                "forward_ms",
                args,
                args.forward,
                peers_of_forward,
                weights,
            )
        if args.decode:
            results["decode"] = compare(
                "Decode, bf16",
                "us a token",
                1000,
                "decode_us_per_token",
                args,
                args.decode,
                peers_of_decode,
                weights,
            )
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
