"""Clusters: one of one's own on kind, one on Azure, and Kubeflow Pipelines installed on either."""
