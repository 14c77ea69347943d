# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The figure of what pi-explore found, and errors for files that are none."""

import json

import pytest

from pi_mlir import plot_explore
from pi_mlir.command_line import UserError


def make_report(budget=8e9):
    """Twenty steps of a frontier, three architectures of one name or of nearly
    the same cost, and one above the frontier."""

    def one(kept, sent, name=None, on_frontier=False):
        return {"kept": kept, "bytes": sent, "name": name, "on_frontier": on_frontier}

    architectures = [one(n, 6e9 * 1.07**n, None, True) for n in range(1, 20)]
    architectures += [one(20, 24e9, "SM+LN+G", True), one(1, 6.5e9, "SM+ScFuFFN")]
    architectures += [one(1, 6.51e9, "EReg(SM(t)+ScFuFFN)"), one(1, 7e9, "SM")]
    architectures += [one(9, 20e9, "SM+G"), one(12, 22e9)]
    return {
        "schema_version": 1,
        "model": "gpt2",
        "sequence_length": 128,
        "protocol": "cheetah",
        "network": "paper",
        "budget_bytes": budget,
        "architectures": architectures,
    }


@pytest.fixture
def write(tmp_path):
    def write_text(value):
        path = tmp_path / "explore.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return write_text


@pytest.mark.parametrize("budget", [8e9, 1e6, None])
def test_every_name_is_beside_its_point_and_none_overlap(budget):
    figure = plot_explore.draw(make_report(budget))
    from matplotlib.text import Text

    axes = figure.axes[0]
    renderer = figure.canvas.get_renderer()
    labels = [text for text in axes.texts if not text.get_text().startswith("budget")]
    assert sorted(text.get_text() for text in labels) == [
        "SM",
        "SM+G",
        "SM+LN+G",
        # Too close to tell apart.
        "SM+ScFuFFN\nEReg(SM(t)+ScFuFFN)",
    ]
    boxes = [Text.get_window_extent(text, renderer) for text in axes.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert axes.get_window_extent().padded(20).count_overlaps([box]) == 1
    assert axes.get_yscale() == "log"
    assert len(axes.texts) - len(labels) == (budget is not None)


def test_writes_a_figure(write, tmp_path, capsys):
    path = tmp_path / "frontier.png"
    assert plot_explore.main([str(write(make_report())), "-o", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"{path}\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "explore.json",
        "frontier.png",
    ]


def without(key, **changes):
    report = {**make_report(), **changes}
    report.pop(key, None)
    return report


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "malformed JSON"),
        ("[" * 100_000, "malformed JSON: too many levels"),
        ([1], "the file has to be an object"),
        (without("architectures"), "has no 'architectures'"),
        (without("", architectures=[]), "'architectures' is empty"),
        (without("", schema_version=2), "schema_version is 2"),
        (without("budget_bytes"), "budget_bytes"),
        (without("", architectures=[{"kept": 1}]), "bytes"),
        (without("", architectures=7), "no report of pi-explore"),
        (without("", architectures=[{"kept": 10**400}]), "no report of pi-explore"),
    ],
)
def test_a_file_that_is_no_report_is_an_error(write, tmp_path, content, message):
    out = tmp_path / "figure.png"
    with pytest.raises(UserError, match=message):
        plot_explore.main([str(write(content)), "-o", str(out)])
    assert not out.exists()


def test_an_unknown_format_is_an_error(write, tmp_path):
    with pytest.raises(UserError, match="has to end in one of"):
        plot_explore.main([str(write(make_report())), "-o", str(tmp_path / "f.txt")])
