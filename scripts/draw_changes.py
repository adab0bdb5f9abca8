#!/usr/bin/env python3
"""Draw what bench_changes.py measured; it runs in an environment that has matplotlib.

Reads {"points": [{rules, similarity, size, sent, coverage}], "default": {sent, coverage}} from
standard input and writes an SVG to the file named.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import matplotlib  # type: ignore[import-not-found]

matplotlib.use("svg")
# Text stays text, and the same figures make the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "steward", "font.size": 9})

from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import PercentFormatter  # type: ignore[import-not-found]  # noqa: E402

COLOURS = {"guards": "#1b6ca8", "no guards": "#d1782c", "similarity only": "#8a8a8a"}
LINES = {0.90: ":", 0.95: "-", 1.0: "--"}


def main() -> int:
    """Draw the two panels."""
    data: dict[str, Any] = json.load(sys.stdin)
    figure, (cost, coverage) = pyplot.subplots(1, 2, figsize=(10, 4.4), sharey=True)
    curves = sorted({(point["rules"], point["similarity"]) for point in data["points"]})
    for rules, similarity in curves:
        points = [
            point
            for point in data["points"]
            if (point["rules"], point["similarity"]) == (rules, similarity)
        ]
        sent = [point["sent"] for point in points]
        style = {"color": COLOURS[rules], "linestyle": LINES[similarity], "linewidth": 1.4}
        label = f"{rules}, {similarity:.2f}" if similarity < 1 else "only what is equal"
        cost.plot([point["size"] for point in points], sent, marker=".", label=label, **style)
        coverage.plot([point["coverage"] for point in points], sent, marker=".", **style)
    default = data["default"]
    for axes in (cost, coverage):
        axes.axhline(default["sent"], color="black", linewidth=0.5)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(alpha=0.25)
    coverage.plot([default["coverage"]], [default["sent"]], "k*", markersize=10, label="default")
    coverage.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    coverage.legend(loc="upper left", frameon=False)
    cost.set_ylim(bottom=0)
    cost.set_xlabel("chunk size (characters)")
    cost.set_ylabel("characters sent")
    cost.set_title("cost")
    coverage.set_xlabel("really changed paragraphs in a fresh chunk")
    coverage.set_title("cost and coverage, a point for each chunk size")
    figure.legend(*cost.get_legend_handles_labels(), loc="lower center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    figure.savefig(sys.argv[1], format="svg", metadata={"Date": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
