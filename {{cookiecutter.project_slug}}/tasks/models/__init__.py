"""What comes of runs: versions of the model in the model store, and what a run is told of it."""
