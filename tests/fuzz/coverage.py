"""One kind under libFuzzer (atheris), in a process of its own: `python -m tests.fuzz.coverage KIND FOLDER [flags]`.

libFuzzer's flags follow the folder; it ends the process itself. What it finds it writes to FOLDER and says on stderr.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main(kind: str, folder: str, *flags: str) -> None:
    """Never returns."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["devices"], enable_loader_override=False):
        script = importlib.import_module("tests.fuzz.script")
        importlib.import_module("devices.driver").load(kind)

    def one(data: bytes) -> None:
        script.run(kind, data)

    atheris.Setup([sys.argv[0], f"{folder}/seeds", f"-artifact_prefix={folder}/", *flags], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
