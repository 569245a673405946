"""Scoring as one plain script does it: read, predict, write.

python benchmarks/plain_scoring.py MODEL.skops NEW.csv OUT.parquet
"""

import sys
from pathlib import Path

import pandas as pd
import skops.io


def main(model_file: Path, new: Path, out: Path) -> None:
    model = skops.io.load(model_file, trusted=skops.io.get_untrusted_types(file=model_file))
    table = pd.read_csv(new)
    features = table[list(model.feature_names_in_)].copy()
    for name in features.select_dtypes(exclude="number"):  # text as the model has learnt it: None where it is missing
        features[name] = features[name].astype(object).where(features[name].notna(), None)
    probabilities = model.predict_proba(features)
    table["prediction"] = model.classes_[probabilities.argmax(axis=1)]
    for position, label in enumerate(model.classes_):
        table[f"probability_{label}"] = probabilities[:, position]
    table.to_parquet(out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
