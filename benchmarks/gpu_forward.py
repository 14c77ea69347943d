# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPU forward pass, prefill and decoding against PyTorch, in one run on one GPU.

  python benchmarks/gpu_forward.py --forward forward.pi --decode decode.pi

The artefacts are GPT-2 small compiled for CUDA in bf16; their weights do not
matter for speed and are drawn at random. Forward: all logits of B x T tokens
stay on the GPU on both sides. Prefill and decoding: batch 1, greedy, a static
key/value cache, one CUDA graph for a prompt of T / 2 tokens and one a token on
both sides. The peer is GPT-2 written plainly in PyTorch
(scaled_dot_product_attention, fused QKV, bf16 weights), run eagerly and by
torch.compile; the ratio is against the fastest form. Both sides are timed in
turns, `--rounds` times, and medians are reported. pi-run --tune first chooses the
algorithms of matrix products by timing, as torch.compile does in the form that
--max-autotune adds.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, NamedTuple

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
        if position is None:
            if cache is not None:
                cache[0, :, :, : k.shape[2]] = k
                cache[1, :, :, : v.shape[2]] = v
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

    def next_token(self, x):
        """The most likely token after the last position."""
        return F.linear(self.ln_f(x[:, -1]), self.wte.weight).argmax(-1, keepdim=True)

    def prefill(self, ids, caches):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block, cache in zip(self.h, caches):
            x = block(x, cache)
        return self.next_token(x)

    def decode(self, ids, position, caches):
        x = self.wte(ids) + self.wpe(position)
        for block, cache in zip(self.h, caches):
            x = block(x, cache, position)
        return self.next_token(x)


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
    function()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(2):
            function()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()

    def replay():
        graph.replay()

    # The graph reads tensors that nothing else may hold.
    replay.captured = function
    return replay


def info(pi_run, artifact):
    command = [pi_run, artifact, "--info"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text)["model"]


def make_weights(directory):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(directory)


def call_pi_run(pi_run, artifact, weights, *options):
    """What pi-run prints; its error ends this program."""
    command = [pi_run, artifact, "--weights", weights, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def pi_times(pi_run, artifact, weights, repeats):
    text = call_pi_run(pi_run, artifact, weights, "--benchmark", str(repeats))
    return json.loads(text)


def compiled_forms(function, max_autotune):
    """`function` in the forms of PyTorch, by name."""
    forms = {"eager": function, "torch.compile": torch.compile(function)}
    if max_autotune:
        mode = "max-autotune-no-cudagraphs"
        forms["torch.compile max-autotune"] = torch.compile(function, mode=mode)
    return forms


def peers_of_forward(peer, model, max_autotune):
    shape = model["batch"], model["sequence_length"]
    ids = torch.randint(model["vocab_size"], shape, device="cuda")
    forms = {}
    for name, form in compiled_forms(peer, max_autotune).items():
        forms[name] = lambda form=form: form(ids)
        for _ in range(3):
            forms[name]()
    return forms


def make_caches(peer, model):
    shape = 2, 1, 12, model["sequence_length"], 64
    return [torch.zeros(shape, device="cuda").bfloat16() for _ in peer.h]


def peers_of_prefill(peer, model, max_autotune):
    caches = make_caches(peer, model)
    shape = 1, model["sequence_length"] // 2
    ids = torch.randint(model["vocab_size"], shape, device="cuda")
    return {
        f"{name}, CUDA graph": capture(lambda: form(ids, caches))
        for name, form in compiled_forms(peer.prefill, max_autotune).items()
    }


def peers_of_decode(peer, model, max_autotune):
    caches = make_caches(peer, model)
    ids = torch.zeros(1, 1, dtype=torch.long, device="cuda")
    position = torch.full((1,), model["sequence_length"] // 2, device="cuda")
    return {
        f"{name}, CUDA graph": capture(lambda: ids.copy_(form(ids, position, caches)))
        for name, form in compiled_forms(peer.decode, max_autotune).items()
    }


class Measurement(NamedTuple):
    """One of the times that pi-run reports, and its peers."""

    name: str
    key: str
    unit: str
    #: From milliseconds to `unit`; pi-run reports in `unit`.
    scale: int
    peers: Callable


FORWARD = Measurement("forward", "forward_ms", "ms", 1, peers_of_forward)
PREFILL = Measurement("prefill", "prefill_ms", "ms", 1, peers_of_prefill)
DECODE = Measurement(
    "decode", "decode_us_per_token", "us a token", 1000, peers_of_decode
)


@torch.inference_mode()
def compare(measurements, artifact, weights, options):
    """Times an artefact and its peers in turns; the medians of each measurement."""
    model = info(options.pi_run, artifact)
    peer = GPT2(model).cuda().bfloat16().eval()
    forms = {m: m.peers(peer, model, options.max_autotune) for m in measurements}
    # Stored beside the artefact, and read by the runs that follow.
    call_pi_run(options.pi_run, artifact, weights, "--tune")
    times = {m: {name: [] for name in [*forms[m], "pi-mlir"]} for m in measurements}
    for _ in range(options.rounds):
        for m in measurements:
            for name, form in forms[m].items():
                times[m][name].append(m.scale * event_ms(form))
        ours = pi_times(options.pi_run, artifact, weights, options.repeats)
        for m in measurements:
            times[m]["pi-mlir"].append(ours[m.key])
    return {m.name: report(m, model, times[m]) for m in measurements}


def report(measurement, model, times):
    """Prints the medians of a measurement and the ratio to the fastest peer."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    mine = medians.pop("pi-mlir")
    best = min(medians, key=medians.get)
    sizes = f"B={model['batch']} T={model['sequence_length']}"
    print(f"{measurement.name.capitalize()}, bf16, {sizes}, {measurement.unit}:")
    for name, median in medians.items():
        print(f"  {name:38} {median:9.2f}")
    print(f"  {'pi-mlir':38} {mine:9.2f}   {medians[best] / mine:.2f}x {best}")
    return {"peers": medians, "pi": mine, "ratio": medians[best] / mine, **model}


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pi-run", default="build/bin/pi-run")
    parser.add_argument("--forward", help="artefact of the forward pass")
    parser.add_argument("--decode", help="artefact of prefill and decoding, batch 1")
    parser.add_argument("--weights", help="GPT-2 small checkpoint (default: random)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--max-autotune",
        action="store_true",
        help="also torch.compile's max-autotune mode, which takes minutes to compile",
    )
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args(arguments)
    if not options.forward and not options.decode:
        parser.error("nothing to measure: give --forward, --decode or both")
    return options


def main(arguments=None):
    options = parse_arguments(arguments)
    if not torch.cuda.is_available():
        raise SystemExit("gpu_forward: error: no GPU")
    print(torch.cuda.get_device_name(), "PyTorch", torch.__version__)
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        weights = options.weights or directory
        if not options.weights:
            make_weights(directory)
        for measurements, artifact in (
            ([FORWARD], options.forward),
            ([PREFILL, DECODE], options.decode),
        ):
            if artifact:
                results |= compare(measurements, artifact, weights, options)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
