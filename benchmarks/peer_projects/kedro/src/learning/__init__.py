"""The five steps as nodes of Kedro."""
