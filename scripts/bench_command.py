"""How a benchmark is called: --help prints what its file says, and a problem is one line.

Imported before the rest, it also makes the code that runs in the server importable.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from bench_peers import ROOT, Missing
from pgenv import Problem

sys.path.insert(0, str(ROOT / "plpython"))


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """For the options of a benchmark."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def run_bench(main: Callable[[], None]) -> NoReturn:
    """Measure; exit status 1 when something stands in the way of it."""
    try:
        main()
    except (Problem, Missing) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)
