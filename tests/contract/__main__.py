"""python -m tests.contract: write the JSON Schema of the events anew."""

from __future__ import annotations

import json
from pathlib import Path

from controller.envelope import schema

PROMISED = Path(__file__).parent / "events-v1.json"

if __name__ == "__main__":
    PROMISED.write_text(json.dumps(schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
