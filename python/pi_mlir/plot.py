# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws training runs: losses, entropies of the attention heads, thresholds.

  loss.png              training and validation loss over steps
  entropy_heads.png     the last measured entropy of each head, layer x head
  entropy_layers.png    the mean entropy of each layer over steps
  entropy_bins.png      the share of heads in four bins of entropy
  thresholds.png        the entropy regulariser's learned thresholds

Several runs are drawn side by side. A figure for which no run has numbers is
left out.
"""

import sys
from pathlib import Path

import numpy as np

from pi_mlir.command_line import ArgumentParser, UserError, run
from pi_mlir.output import new_file
from pi_mlir.training_run import TrainingRun

EPILOG = """\
examples:
  python -m pi_mlir.plot run                 # writes run/figures/*.png
  python -m pi_mlir.plot baseline ereg -o figures
"""

BINS = ("[0, M/4)", "[M/4, M/2)", "[M/2, 3M/4)", "[3M/4, M]")


def parse_arguments(arguments):
    parser = ArgumentParser(
        prog="python -m pi_mlir.plot", description=__doc__, epilog=EPILOG
    )
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="folder of pi-train --out"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="DIR",
        help="where the figures go (default: RUN/figures, or figures for several)",
    )
    options = parser.parse_args(arguments)
    if options.out is None:
        one = len(options.runs) == 1
        options.out = options.runs[0] / "figures" if one else Path("figures")
    return options


def smooth(values, width):
    """The mean of the finite values at most `width` places away, NaN if none."""
    finite = np.isfinite(values)
    sums = np.cumsum([0.0, *np.where(finite, values, 0.0)])
    counts = np.cumsum([0, *finite])
    first = np.maximum(np.arange(values.size) - width, 0)
    last = np.minimum(np.arange(values.size) + width + 1, values.size)
    with np.errstate(invalid="ignore"):
        return (sums[last] - sums[first]) / (counts[last] - counts[first])


def bin_heads(entropies):
    """The share of heads in each of four equal bins of [0, M], and M.

    M is the largest entropy of these heads (arXiv 2501.03489).
    """
    finite = entropies[np.isfinite(entropies)]
    largest = finite.max(initial=0.0)
    counts, _ = np.histogram(finite, bins=4, range=(0, largest or 1.0))
    return counts / max(finite.size, 1), largest


def new_figure(columns=1, width=5.0, height=3.8):
    """A figure with panels side by side, not larger than a screen."""
    from matplotlib import pyplot

    width = min(width * columns, max(18.0, 3.2 * columns))
    return pyplot.subplots(
        1, columns, figsize=(width, height), squeeze=False, layout="constrained"
    )


def tidy(axes, title=None, xlabel=None, ylabel=None):
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, axis="y", linewidth=0.5, alpha=0.5)


def whole_number_ticks(axis, count):
    """At most about twelve ticks on a row of `count` cells."""
    axis.set_ticks(range(0, count, max(1, -(-count // 12))))


def label_heads(axes, title, matrix):
    axes.set(title=title, xlabel="head", ylabel="layer")
    whole_number_ticks(axes.yaxis, matrix.shape[0])
    whole_number_ticks(axes.xaxis, matrix.shape[1])


def draw_loss(runs):
    figure, ((axes,),) = new_figure(width=7.5, height=4.5)
    lows, highs = [], []
    for number, one in enumerate(runs):
        color = f"C{number % 10}"
        steps, losses = one.series("loss")
        if steps.size:
            width = steps.size // 100
            average = smooth(losses, width)
            if width:
                axes.plot(steps, losses, color=color, alpha=0.2, linewidth=0.8)
            axes.plot(steps, average, color=color, label=f"{one.name}: training")
            lows.append(np.nanmin(average, initial=np.inf))
            # The first steps would leave no room for the rest.
            highs.append(np.nanmax(losses[steps.size // 50 :], initial=0.0))
        steps, losses = one.series("cross_entropy")
        if steps.size:
            label = f"{one.name}: validation ({np.exp(losses[-1]):.2f} perplexity)"
            axes.plot(
                steps,
                losses,
                color=color,
                linestyle="--",
                marker="o",
                markersize=4,
                label=label,
            )
            lows.append(np.nanmin(losses, initial=np.inf))
            highs.append(np.nanmax(losses, initial=0.0))
    if not lows:
        return None
    low, high = min(lows), max(highs)
    if np.isfinite(low) and high > low:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    tidy(axes, xlabel="step", ylabel="loss (nats a token)")
    axes.legend(frameon=False)
    return figure


def draw_heat_maps(panels, label, largest):
    """Matrices of layers x heads, side by side with one scale of colours."""
    heads = max(matrix.shape[1] for _, matrix in panels)
    layers = max(matrix.shape[0] for _, matrix in panels)
    figure, (row,) = new_figure(
        len(panels), width=1.5 + 0.3 * heads, height=1.2 + 0.3 * max(layers, 5)
    )
    for axes, (name, matrix) in zip(row, panels):
        image = axes.imshow(matrix, vmin=0, vmax=largest, cmap="viridis")
        label_heads(axes, name, matrix)
        if matrix.size <= 64:
            for (layer, head), value in np.ndenumerate(matrix):
                dark = np.isfinite(value) and value < 0.6 * largest
                axes.text(
                    head,
                    layer,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if dark else "black",
                )
    figure.colorbar(image, ax=list(row), label=label)
    return figure


def draw_entropy_heads(runs):
    panels, largest = [], 0.0
    for one in runs:
        steps, entropies = one.entropies()
        if steps.size:
            panels.append((f"{one.name}, step {steps[-1]}", entropies[-1]))
            largest = max(largest, one.largest_entropy)
    if not panels:
        return None
    return draw_heat_maps(panels, "mean entropy (nats), up to log T", largest)


def draw_entropy_layers(runs):
    from matplotlib import colormaps

    measured = [one for one in runs if one.entropies()[0].size]
    if not measured:
        return None
    figure, (row,) = new_figure(len(measured), width=5.2)
    top = max(one.largest_entropy for one in measured)
    for axes, one in zip(row, measured):
        steps, entropies = one.entropies()
        layers = entropies.shape[1]
        for layer in range(layers):
            axes.plot(
                steps,
                entropies[:, layer].mean(axis=1),
                color=colormaps["plasma"](0.9 * layer / max(layers - 1, 1)),
                marker="o" if steps.size < 30 else None,
                markersize=3,
                label=f"layer {layer}",
            )
        axes.axhline(one.largest_entropy, color="gray", linestyle=":")
        axes.annotate(
            "log T",
            (1, one.largest_entropy),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color="gray",
        )
        axes.set_ylim(0, 1.1 * top)
        label = None if axes is not row[0] else "mean entropy of heads (nats)"
        tidy(axes, one.name, "step", label)
        axes.legend(frameon=False, fontsize=7, ncols=1 + (layers - 1) // 6)
    return figure


def draw_entropy_bins(runs):
    measured = [one for one in runs if one.entropies()[0].size]
    if not measured:
        return None
    figure, ((axes,),) = new_figure(width=6.5)
    width = 0.8 / len(measured)
    for number, one in enumerate(measured):
        shares, largest = bin_heads(one.entropies()[1][-1])
        places = np.arange(4) + (number - (len(measured) - 1) / 2) * width
        bars = axes.bar(
            places, 100 * shares, width, label=f"{one.name} (M = {largest:.2f} nats)"
        )
        axes.bar_label(bars, fmt="%.0f", fontsize=8, padding=1)
    axes.set_xticks(range(4), BINS)
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
    tidy(axes, "heads by entropy, last measurement", "bin", "share of heads (%)")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return figure


def draw_thresholds(runs):
    panels = [(one.name, one.thresholds()) for one in runs]
    panels = [(name, matrix) for name, matrix in panels if matrix is not None]
    if not panels:
        return None
    figure, (row,) = new_figure(len(panels) + 1, width=5.0)
    largest = max(matrix.max() for _, matrix in panels)
    for axes, (name, matrix) in zip(row, panels):
        image = axes.imshow(matrix, vmin=0, vmax=largest, aspect="auto")
        label_heads(axes, name, matrix)
        figure.colorbar(image, ax=axes, label="threshold (share of log T)")
    for name, matrix in panels:
        row[-1].errorbar(
            range(len(matrix)),
            matrix.mean(axis=1),
            matrix.std(axis=1),
            marker="o",
            markersize=4,
            capsize=3,
            label=name,
        )
    whole_number_ticks(row[-1].xaxis, max(len(matrix) for _, matrix in panels))
    tidy(row[-1], "mean of a layer, and standard deviation", "layer", "threshold")
    row[-1].legend(frameon=False)
    return figure


FIGURES = {
    "loss.png": draw_loss,
    "entropy_heads.png": draw_entropy_heads,
    "entropy_layers.png": draw_entropy_layers,
    "entropy_bins.png": draw_entropy_bins,
    "thresholds.png": draw_thresholds,
}


def main(arguments=None):
    options = parse_arguments(arguments)
    runs = [TrainingRun(folder) for folder in options.runs]
    names = [one.name for one in runs]
    for one in runs:  # Names tell runs apart, and paths where names do not.
        if names.count(one.name) > 1:
            one.name = str(one.folder)
    try:
        import matplotlib
    except ImportError as error:
        raise UserError("figures need the matplotlib package") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    options.out.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        figure = draw(runs)
        if figure is None:
            print(f"no numbers for {name}", file=sys.stderr)
            continue
        with new_file(options.out / name) as file:
            figure.savefig(file, dpi=150)
        pyplot.close(figure)
        print(options.out / name)
    return 0


if __name__ == "__main__":
    run(main)
