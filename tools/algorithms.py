"""Writes profiles/algorithms.json from the job's registry: the table of all algorithms, for the command.

python tools/algorithms.py            writes it
python tools/algorithms.py --check    writes nothing, and fails where something would change
"""

from __future__ import annotations

import json
import sys

from made import ROOT, write_or_compare

sys.path.insert(0, str(ROOT / "jobs"))

from tdajob.topology.catalog import built_in_documents

FILE = ROOT / "profiles" / "algorithms.json"


def main() -> int:
    text = json.dumps({"algorithms": built_in_documents()}, indent=2, ensure_ascii=False)
    return write_or_compare({FILE: f"{text}\n"}, by="the registry says")


if __name__ == "__main__":
    sys.exit(main())
