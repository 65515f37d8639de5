"""Write profiles/algorithms.json, the command's table of algorithms, from the job's registry.

python tools/algorithms.py            writes the file
python tools/algorithms.py --check    writes nothing; fails if the file would change
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
    return write_or_compare({FILE: f"{text}\n"}, by="the registry defines")


if __name__ == "__main__":
    sys.exit(main())
