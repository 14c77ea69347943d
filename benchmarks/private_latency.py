# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Seconds of a real two-party run over shaped links beside the cost model.

  .venv-spu/bin/python benchmarks/private_latency.py private.mlir --weights DIR

Runs both parties of pi-private-run here (scripts/setup --spu), each at one end of
a link with a bandwidth and a round trip (shaped_link.py: as root, on Linux), and
prints what each kind of operation took beside what pi-estimate-cost says for that
network. A step's time is the mean of the two parties', since each begins and ends
at another moment.

Local work is that of the machine of docs/cost-model.md. For another one give
--compute-scale, or --compute-scale=measured: the model is then run once without
a bound on the link, and local work scaled by what that took over what is modelled.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))
os.environ["PYTHONPATH"] = str(ROOT / "python")  # Of the parties.

from pi_mlir.command_line import ArgumentParser, UserError, run  # noqa: E402
from pi_mlir.private import local, report  # noqa: E402
from pi_mlir.private_run import (  # noqa: E402
    estimate_costs,
    parse_positive,
    parse_tokens,
)
from shaped_link import ShapedLink, check_machine  # noqa: E402

#: Mbps and milliseconds.
LINKS = [(1000, 2), (1000, 40), (100, 2), (100, 40)]
#: Processors that other programs may use before a measurement is in doubt.
BUSY = 0.1


def parse_link(text):
    try:
        bandwidth, round_trip = map(float, text.split(","))
    except ValueError:
        bandwidth = round_trip = -1.0
    if not (0 < bandwidth < 1e6 and 0 <= round_trip < 1e5):
        raise argparse.ArgumentTypeError(
            f"'{text}' has to be Mbps,milliseconds, as in 100,40"
        )
    return bandwidth, round_trip


def parse_scale(text):
    return text if text == "measured" else parse_positive(float)(text)


def parse_arguments(arguments):
    parser = ArgumentParser(prog="private_latency.py", description=__doc__)
    parser.add_argument("model", type=Path, help="module of the pi dialect")
    parser.add_argument("--weights", type=Path, metavar="DIR", required=True)
    parser.add_argument(
        "--tokens", type=parse_tokens, default=list(range(1, 11)), metavar="LIST"
    )
    parser.add_argument("--inputs", choices=["shared", "owned"], default="shared")
    parser.add_argument(
        "--links",
        type=parse_link,
        nargs="+",
        default=LINKS,
        metavar="MBPS,MS",
        help="bandwidth of each direction and round trip (default: four links, of "
        "100 Mbps and 1 Gbps and of 2 and 40 ms)",
    )
    parser.add_argument(
        "--runs",
        type=parse_positive(int),
        default=1,
        metavar="N",
        help="take the median of N runs (default: 1)",
    )
    parser.add_argument("--compute-scale", type=parse_scale, default=1.0, metavar="S")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--timeout", type=parse_positive(int), default=600)
    parser.add_argument("--memory-limit", type=parse_positive(float), default=8.0)
    options = parser.parse_args(arguments)
    options.protocol = "cheetah"
    return options


def run_once(options, bandwidth, round_trip):
    """The steps of one run, with their seconds as what was measured."""
    with tempfile.TemporaryDirectory(prefix="pi-latency-") as directory:
        with ShapedLink(bandwidth, round_trip) as link:
            parties = local.run_local(options, options.tokens, Path(directory), link)
    return [
        {**ours, "measured": (ours["seconds"] + theirs["seconds"]) / 2}
        for ours, theirs in zip(*(party["steps"] for party in parties))
    ]


def read_busy():
    """Seconds for which processors were busy with what is not this program and
    the children that it has waited for, or were taken by the machine's host."""
    numbers = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(int, numbers)
    busy = user + nice + system + interrupts + soft_interrupts + stolen
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def measure(options, bandwidth, round_trip, scale):
    """Rows of a report: the median of the runs, and what is modelled."""
    start, busy = time.monotonic(), read_busy()
    runs = [run_once(options, bandwidth, round_trip) for _ in range(options.runs)]
    others = (read_busy() - busy) / (time.monotonic() - start)
    if others > BUSY:
        print(
            f"warning: others took {others:.2f} processors meanwhile",
            file=sys.stderr,
        )
    steps = [
        {**same[0], "measured": statistics.median(step["measured"] for step in same)}
        for same in zip(*runs)
    ]
    settings = (
        f"network=bandwidth={bandwidth:.0f}bps,rtt={1e6 * round_trip:.3f}us "
        f"compute-scale={scale!r}"
    )
    costs = estimate_costs(options, settings)
    rows = report.join_costs(steps, costs, "seconds")
    return [row for row in rows if row["measured"] >= 0.01 or row["modelled"]]


def measure_scale(options):
    """Local work of this machine over that of the model's."""
    # What a link without delay carries in no time.
    rows = measure(options, bandwidth=1e12, round_trip=0.0, scale=1.0)
    total = report.add_rows(rows)
    print(
        f"without a bound on the link: {total['measured']:.2f} s measured, "
        f"{total['modelled']:.2f} s modelled"
    )
    return report.get_ratio(total)


def format_link(rows, bandwidth, round_trip):
    lines = [f"{bandwidth:g} Mbps, {round_trip:g} ms: seconds", ""]
    lines.append(f"{'kind':22}{'modelled':>10}{'measured':>10}{'ratio':>8}")
    kinds = [*report.by_kind(rows), {"kind": "total", **report.add_rows(rows)}]
    for row in kinds:
        ratio = report.get_ratio(row)
        lines.append(
            f"{row['kind']:22}{row['modelled']:10.2f}{row['measured']:10.2f}"
            + (f"{ratio:8.3f}" if ratio else "")
        )
    return "\n".join(lines) + "\n"


def stop(*_):
    raise KeyboardInterrupt


def main():
    options = parse_arguments(None)
    check_machine()
    signal.signal(signal.SIGTERM, stop)
    scale = options.compute_scale
    if scale == "measured":
        scale = measure_scale(options)
    print(f"local work x {scale:.3g}, inputs {options.inputs}\n")
    links = []
    for bandwidth, round_trip in options.links:
        rows = measure(options, 1e6 * bandwidth, 1e-3 * round_trip, scale)
        print(format_link(rows, bandwidth, round_trip), flush=True)
        links.append(
            {
                "bandwidth_bits_per_second": 1e6 * bandwidth,
                "rtt_seconds": 1e-3 * round_trip,
                "operations": rows,
                "kinds": report.by_kind(rows),
                "total": report.add_rows(rows),
            }
        )
    if options.json:
        result = {"model": str(options.model), "inputs": options.inputs}
        try:
            report.write_json(
                options.json, {**result, "compute_scale": scale, "links": links}
            )
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}") from error


if __name__ == "__main__":
    run(main)
