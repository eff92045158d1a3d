"""Counts the pages of a PDF that a student wrote, as a process of its own: FILE, CPU seconds, MiB of memory."""

from __future__ import annotations

import resource
import sys

from pypdf import PdfReader


def main() -> None:
    """Print the number of pages of a PDF, within limits."""
    file, cpu_s, memory_mb = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    print(sum(1 for _ in PdfReader(file, strict=False).pages))


if __name__ == "__main__":
    main()
