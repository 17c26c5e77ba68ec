"""Print the matrix: `python -m tests.faults`: what each cell comes to, or why there is none."""

from __future__ import annotations

import sys

from .matrix import lines

sys.stdout.write("\n".join(lines()) + "\n")
