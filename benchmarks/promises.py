"""What is promised, as data: the numbers that the figures are compared with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    part: str
    what: str
    bound: float | None  # the most that it may be; None: nothing is promised, the figure is told
    unit: str = "x"  # or s, ms, KiB, MiB, MB, and "" for what is counted

    def text(self) -> str:
        return (
            "" if self.bound is None else f"at most {self.bound:,g}{'' if self.unit == 'x' else ' '}{self.unit}".strip()
        )


def _memory(program: str) -> str:
    return f"Memory of `{program}.py`, 12 million rows of 20 columns (2.0 GB of CSV)"


PROMISES = {
    # generation and the first run
    "by-hand": Promise("first-run", "`cookiecutter --no-input` and a run, against the five programs by hand", 0.7),
    "demo": Promise("demo", "`make demo` with nothing installed and nothing cached", 60, "s"),
    # the loop of a working day
    "rerun": Promise("rerun", "A rerun with nothing changed", 0.6, "s"),
    "first-step": Promise("rerun", "From `inv run` to the start of the first step", 0.7, "s"),
    "list": Promise("rerun", "`inv --list`", 0.5, "s"),
    "compile": Promise("rerun", "`inv compile`", 3, "s"),
    "compile-100": Promise("rerun", "`inv compile` of 94 steps more, against that", 17),
    # peers
    "kedro-first": Promise("peers", "The five steps for the first time, against kedro", 1.0),
    "kfp-first": Promise("peers", "The five steps for the first time, against kfp.local", None),
    "dvc-first": Promise("peers", "The five steps for the first time, against dvc", None),
    # 0.6 of the 10.1 s that it took when dvc took 9.7 s
    "dvc-changed": Promise("peers", "After a change of the training, against dvc", 0.62),
    "kfp-changed": Promise("peers", "After a change of the training, against kfp.local with its cache", None),
    "kedro-changed": Promise("peers", "After a change of the training, against `kedro run --from-nodes`", None),
    "kedro-50": Promise("peers", "50 trivial steps, against kedro", 1.2),
    "kfp-50": Promise("peers", "50 trivial steps, against kfp.local", None),
    "dvc-50": Promise("peers", "50 trivial steps, against dvc", None),
    # the executor
    "xargs": Promise("executor", "100 trivial steps, against the same processes under `xargs -P`", 1.2),
    "step": Promise("executor", "What a step costs beyond its process", 20, "ms"),
    "steps-300": Promise("executor", "300 steps, against 100", 3.3),
    "steps-1000": Promise("executor", "1,000 steps, against 100", 11),
    "side-by-side": Promise("executor", "Two trainings side by side, against one", 1.2),
    # what a project is
    "files": Promise("size", "Files of a generated project outside `tasks/`", 116, ""),
    "lines": Promise("size", "Lines of Python that a user owns (pipeline, components, tests)", None, ""),
    "longest": Promise("size", "Lines of the longest step's program", None, ""),
    # many rows
    "gather-memory": Promise("memory", _memory("gather"), 1024, "MiB"),
    "gather-growth": Promise("memory", "Memory of `gather.py`, against 1 million rows", 1.5),
    "validate-memory": Promise("memory", _memory("validate"), 1024, "MiB"),
    "validate-growth": Promise("memory", "Memory of `validate.py`, against 1 million rows", 1.5),
    "preprocess-memory": Promise("memory", _memory("preprocess") + ", against the table's in Arrow", 1.0),
    "million": Promise("million", "A million rows of 20 columns, all five steps", 180, "s"),
    "million-memory": Promise("million", "Memory of the largest of these five steps", 2048, "MiB"),
    "adopt": Promise("adopting", "`inv data.adopt` of 3 million rows, against gathering and one pass", 1.0),
    "adopt-processor": Promise("adopting", "`inv data.adopt` of them, in seconds of the processor", None),
    "score": Promise("scoring", "`inv run scoring` of a million rows without target, against a plain script", 1.2),
    "score-processor": Promise("scoring", "`inv run scoring` of them, in seconds of the processor", 1.2),
    "score-memory": Promise("scoring", "Memory of the largest step of scoring", None, "MiB"),
    # images
    "build": Promise("images", "`inv build` with nothing changed", 2, "s"),
    "push": Promise("images", "`inv push` with nothing changed", 3, "s"),
    "build-line": Promise("images", "`inv build` after one line of one component", 5, "s"),
    "push-line": Promise("images", "What `inv push` uploads of it", 1024, "KiB"),
    "disk": Promise("images", "Disk of all images, against the largest alone", 1.15),
    "largest": Promise("images", "The largest image, with its base", 520, "MB"),
    "five": Promise("images", "The images of the five steps together, with their base", 560, "MB"),
    "plain-install": Promise("images", "The largest's layers, against a plain `pip install` of its lock", 0.8),
    "cold-build": Promise("images", "Cold build of all, against the largest alone", 1.5),
    "same-metrics": Promise("images", "Metrics that differ on docker and on the host", 0, ""),
    "container": Promise("images", "What a container costs a step beyond the host", 1, "s"),
    # what a step's start is made of
    **{
        f"import-{program}": Promise("imports", f"What `{program}.py` imports, in seconds of the processor", None, "s")
        for program in (
            *("gather", "validate", "preprocess", "train", "predict"),
            *("champion", "evaluate", "register", "deliver", "drift", "notify"),
        )
    },
}  # fmt: skip
