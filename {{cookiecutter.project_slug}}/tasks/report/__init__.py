"""The page of a run, and of several side by side: one file each, which needs no server and no network."""
