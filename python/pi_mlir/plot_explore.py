# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws what pi-explore found: bytes against what is kept of the model.

Each point is an architecture, by the nonlinear operations of the original model
that it keeps and the bytes that both parties send. The line is the frontier: no
architecture that was found keeps as much for fewer bytes. Architectures with a
name have it beside them, and the budget is a dashed line.
"""

import io
from pathlib import Path

from pi_mlir.command_line import ArgumentParser, UserError, run
from pi_mlir.json_file import read_json_object
from pi_mlir.output import new_file
from pi_mlir.private.report import format_bytes

EPILOG = """\
examples:
  pi-explore --config=gpt2 --seq-len=128 --budget=10GB --json=explore.json
  python -m pi_mlir.plot_explore explore.json -o frontier.png
"""

FORMATS = ("png", "pdf", "svg")
SCHEMA_VERSION = 1


def parse_arguments(arguments):
    parser = ArgumentParser(
        prog="python -m pi_mlir.plot_explore", description=__doc__, epilog=EPILOG
    )
    parser.add_argument(
        "report", type=Path, metavar="FILE", help="what pi-explore --json wrote"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FILE",
        required=True,
        help="the figure: " + ", ".join("." + name for name in FORMATS),
    )
    options = parser.parse_args(arguments)
    if options.out.suffix.lstrip(".") not in FORMATS:
        raise UserError(f"{options.out}: the name has to end in one of {FORMATS}")
    return options


def read_report(path):
    """The report in `path`, if it is one of pi-explore's."""
    report = read_json_object(path, maximal_bytes=1 << 28)
    if "architectures" not in report:
        raise UserError(f"{path}: no report of pi-explore: has no 'architectures'")
    if report.get("schema_version") != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema_version is {report.get('schema_version')}, "
            f"but this program reads {SCHEMA_VERSION}"
        )
    try:
        for one in report["architectures"]:
            float(one["kept"]), float(one["bytes"]), one["name"], one["on_frontier"]
            if one["bytes"] <= 0:
                raise UserError(f"{path}: an architecture sends {one['bytes']} bytes")
        if not report["architectures"]:
            raise UserError(f"{path}: 'architectures' is empty")
        for key in ("model", "sequence_length", "protocol", "network", "budget_bytes"):
            report[key]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: no report of pi-explore: {error!r}") from error
    return report


def join_names(named):
    """Labels with their points: one label where points are too close to tell.

    Two are if they keep the same and send within 2 % of each other.
    """
    groups = []
    for one in sorted(named, key=lambda one: (one["kept"], one["bytes"])):
        last = groups[-1][-1] if groups else None
        if last and last["kept"] == one["kept"] and one["bytes"] < 1.02 * last["bytes"]:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [("\n".join(one["name"] for one in group), group[0]) for group in groups]


def place_labels(figure, axes, labels, points, budget):
    """Puts each label beside its architecture where it covers nothing else.

    One for which there is no such place is left out.
    """
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    renderer = figure.canvas.get_renderer()
    frame = axes.get_window_extent()
    pixels = axes.transData.transform([(one["kept"], one["bytes"]) for one in points])
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in pixels]
    taken.append(axes.get_legend().get_window_extent(renderer))
    # The budget's label and line.
    taken += [text.get_window_extent(renderer) for text in axes.texts]
    if budget is not None:
        _, y = axes.transData.transform((0, budget))
        taken.append(Bbox.from_extents(frame.x0, y - 2, frame.x1, y + 2))
    places = [
        (x, y, ha, va)
        for distance in (10, 24, 40, 60, 84)
        for x, y, ha, va in (
            (distance, 0, "left", "center"),
            (distance, distance, "left", "bottom"),
            (0, distance, "center", "bottom"),
            (-distance, distance, "right", "bottom"),
            (-distance, 0, "right", "center"),
            (distance, -distance, "left", "top"),
            (0, -distance, "center", "top"),
            (-distance, -distance, "right", "top"),
        )
    ]
    for text, one in labels:
        for x, y, ha, va in places:
            label = axes.annotate(
                text,
                (one["kept"], one["bytes"]),
                xytext=(x, y),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=8,
                zorder=4,
                arrowprops={"arrowstyle": "-", "color": "gray", "linewidth": 0.6},
            )
            # The extent of the text, without the line.
            label.update_positions(renderer)
            box = Text.get_window_extent(label, renderer)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
            inside = inside and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                break
            label.remove()
        else:
            continue
        taken.append(box.padded(2))


def draw(report):
    """The figure of a report."""
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullFormatter

    all_points = report["architectures"]
    frontier = sorted(
        (one for one in all_points if one["on_frontier"]), key=lambda one: one["kept"]
    )
    named = [one for one in all_points if one["name"]]
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")

    def coordinates(ones):
        return [one["kept"] for one in ones], [one["bytes"] for one in ones]

    others = [one for one in all_points if not one["on_frontier"]]
    axes.scatter(*coordinates(others), s=8, color="0.7", label="evaluated")
    axes.plot(
        *coordinates(frontier),
        color="C0",
        marker="o",
        markersize=3,
        drawstyle="steps-pre",
        label="frontier",
    )
    axes.scatter(*coordinates(named), s=36, color="C1", zorder=3, label="named")
    axes.set_yscale("log")
    sent = [one["bytes"] for one in all_points]
    budget = report["budget_bytes"]
    low, high = min(sent), max(sent)
    if budget is not None:
        low, high = min(low, budget), max(high, budget)
        axes.axhline(budget, color="C3", linestyle="--", linewidth=1)
        axes.annotate(
            f"budget {format_bytes(budget)}",
            (1, budget),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            color="C3",
            fontsize=8,
        )
    axes.set_ylim(low / 1.25, high * 1.25)
    most = max(one["kept"] for one in all_points)
    axes.set_xlim(0, 1.04 * most)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: format_bytes(y)))
    axes.yaxis.set_minor_formatter(
        FuncFormatter(lambda y, _: format_bytes(y))
        if high / low < 20
        else NullFormatter()
    )
    axes.tick_params(axis="y", which="both", labelsize=8)
    axes.set(
        xlabel="nonlinear operations of the original that are kept",
        ylabel="sent by both parties",
        title=f"{Path(report['model']).name}, T = {report['sequence_length']}, "
        f"{report['protocol']}, {report['network']}",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, axis="y", linewidth=0.5, alpha=0.5)
    axes.legend(frameon=False, loc="upper left", fontsize=8)
    figure.canvas.draw()
    place_labels(figure, axes, join_names(named), all_points, budget)
    return figure


def main(arguments=None):
    options = parse_arguments(arguments)
    report = read_report(options.report)
    try:
        import matplotlib
    except ImportError as error:
        raise UserError("figures need the matplotlib package") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = draw(report)
    data = io.BytesIO()
    figure.savefig(data, format=options.out.suffix.lstrip("."), dpi=150)
    pyplot.close(figure)
    with new_file(options.out) as file:
        file.write(data.getvalue())
    print(options.out)
    return 0


if __name__ == "__main__":
    run(main)
