# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measured beside modelled: the table, the JSON and the figure of a run."""

import json
from collections import defaultdict
from pathlib import Path

from pi_mlir.output import new_file


def join_costs(steps, modelled, quantity="bytes"):
    """Rows of a report: each step with what the cost model says of it.

    `steps` are measurements in order, `modelled` the operations of
    pi-estimate-cost in order, of which `quantity` is taken; both name parts by
    location. A step that the model does not charge has 0.
    """
    waiting = defaultdict(list)
    for cost in modelled:
        waiting[cost["location"]].append(cost)
    rows = []
    for step in steps:
        costs = waiting.get(step["location"])
        cost = costs.pop(0) if costs else None
        kind = step["op"]
        if step["op"] == "pi.attention":
            kind += "." + step["location"].rpartition(".")[2]
        rows.append({**step, "kind": kind, "modelled": cost[quantity] if cost else 0})
    return rows


def add_rows(rows):
    """The sum of several rows."""
    keys = ("modelled", "measured", "messages", "seconds")
    return {key: sum(row[key] for row in rows) for key in keys}


def by_kind(rows):
    kinds = defaultdict(list)
    for row in rows:
        kinds[row["kind"]].append(row)
    return [{"kind": kind, **add_rows(group)} for kind, group in kinds.items()]


def get_ratio(row):
    """Measured over modelled, or None where nothing was modelled."""
    return row["measured"] / row["modelled"] if row["modelled"] else None


def format_bytes(count):
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f} B"


def format_table(heading, rows):
    """Lines of text: a heading column, then bytes, messages and seconds."""
    lines = [(heading, "modelled", "measured", "ratio", "messages", "seconds")]
    for name, row in rows:
        ratio = get_ratio(row)
        lines.append(
            (
                name,
                format_bytes(row["modelled"]),
                format_bytes(row["measured"]),
                "" if ratio is None else f"{ratio:.3f}",
                str(row["messages"]),
                f"{row['seconds']:.2f}",
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    lines.insert(len(lines) - 1, lines[1])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        )
        for line in lines
    )


def format_report(rows):
    total = ("total", add_rows(rows))
    named = [(row["location"], row) for row in rows if row["measured"]]
    kinds = [(row["kind"], row) for row in by_kind(rows) if row["measured"]]
    return "\n\n".join(
        (
            format_table("operation", [*named, total]),
            format_table("kind", [*kinds, total]),
        )
    )


def write_json(path, report):
    with new_file(path) as file:
        file.write((json.dumps(report, indent=2) + "\n").encode())


def write_figure(path, rows, title):
    """Bars of modelled and measured bytes for each kind of operation."""
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = sorted(by_kind(rows), key=lambda row: row["measured"])
    kinds = [row for row in kinds if row["measured"] or row["modelled"]]
    figure, axes = pyplot.subplots(figsize=(7, 1.2 + 0.5 * len(kinds)))
    for offset, key, color in ((0.2, "modelled", "C0"), (-0.2, "measured", "C1")):
        axes.barh(
            [i + offset for i in range(len(kinds))],
            [row[key] / 1e6 for row in kinds],
            height=0.4,
            label=key,
            color=color,
        )
    axes.set_yticks(range(len(kinds)), [row["kind"] for row in kinds])
    axes.set_xlabel("MB sent by both parties")
    axes.set_title(title)
    axes.legend()
    figure.tight_layout()
    data = io.BytesIO()
    figure.savefig(data, format=Path(path).suffix.lstrip(".") or "png", dpi=120)
    pyplot.close(figure)
    with new_file(path) as file:
        file.write(data.getvalue())
