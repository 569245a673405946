"""The pipeline on a Kubeflow Pipelines (KFP) API, whichever cluster it is on: versions, runs, schedules."""
