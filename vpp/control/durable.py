"""A small file that is the old one or the new one, whole, whatever happens in between."""

import os
from pathlib import Path


def put(path: Path, text: str) -> None:
    """Replace the file whole; durable on return. Blocks.

    Raises:
        OSError: the old file stands.
    """
    replacement = path.with_suffix(".new")
    with replacement.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    replacement.replace(path)
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
