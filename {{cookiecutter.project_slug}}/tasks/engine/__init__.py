"""The executor of compiled pipelines on this machine: what a pipeline does here is what it does on a cluster.

It runs KFP's intermediate representation (`PipelineSpec`, as JSON) with the semantics of KFP 2.17's own backend. Where
a docstring names a file, such as driver/resolve.go, it is one of `backend/src/v2` of kubeflow/pipelines at the tag
2.17.0.
"""
