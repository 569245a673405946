"""Kedro wants this module; its defaults hold."""
