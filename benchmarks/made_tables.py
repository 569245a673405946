"""Tables of many rows, made once and kept in build/bench.

python benchmarks/made_tables.py FILE ROWS [no-target]
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from projects import BUILD

AT_ONCE = 100_000
CITIES = ("Ålesund", "Besançon", "Cork", "Delft", "")


def table(rows: int, target: bool = True) -> Path:
    """A CSV file of `rows` rows; without the target it has other values."""
    path = BUILD / "tables" / f"{rows}{'' if target else '-no-target'}.csv"
    if not path.exists():  # made by a process of its own, whose memory is not taken for that of what is measured
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        command = [sys.executable, __file__, str(part), str(rows), *([] if target else ["no-target"])]
        subprocess.run(command, check=True)
        part.rename(path)
    return path


def make_csv(path: Path, rows: int, target: bool) -> None:
    """20 columns as real tables have them: numbers, whole numbers, categories, free text, gaps."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    random = np.random.default_rng(0 if target else 1)
    options = csv.WriteOptions(quoting_style="none", quoting_header="none")
    writer = None
    for start in range(0, rows, AT_ONCE):
        count = min(AT_ONCE, rows - start)
        columns: dict[str, Any] = {f"number_{i}": random.normal(size=count).round(6) for i in range(12)}
        columns |= {f"count_{i}": random.integers(0, 10_000_000, count) for i in range(4)}
        columns["city"] = np.array(CITIES)[random.integers(0, len(CITIES), count)]
        columns["code"] = np.char.add("c", random.integers(0, 10_000_000, count).astype(str))
        columns["flag"] = random.integers(0, 2, count)
        columns["label"] = np.array(["yes", "no"])[random.integers(0, 2, count)]
        if not target:
            del columns["label"]
        batch = pa.table(columns)
        writer = writer or csv.CSVWriter(path, batch.schema, write_options=options)
        writer.write_table(batch)
    if writer:
        writer.close()


if __name__ == "__main__":
    make_csv(Path(sys.argv[1]), int(sys.argv[2]), "no-target" not in sys.argv[3:])
