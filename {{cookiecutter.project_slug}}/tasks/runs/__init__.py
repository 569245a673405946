"""The records of runs: kept, found, listed and compared."""
