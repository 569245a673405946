"""More pipelines whose outcome on KFP 2.17 is known, from its source: more_expected.json names the places."""

from typing import Dict, List, NamedTuple, Optional

from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output, OutputPath
from pipelines import (
    IMAGE,
    WRITE,
    array,
    component,
    double,
    fail,
    folder,
    last,
    of,
    optional,
    optional_file,
    read,
    say,
    say_list,
    text,
)

read_with = component(
    "read-with",
    "{name: word, type: String}, {name: file, type: Dataset}",
    "",
    "print(json.dumps([a[0], pathlib.Path(a[1]).read_text()]))",
    "{inputValue: word}, {inputPath: file}",
)
pair = component(
    "pair",
    "{name: text, type: String}",
    "{name: out, type: JsonArray}",
    "p=pathlib.Path(a[1]); p.parent.mkdir(parents=True, exist_ok=True)\n"
    "p.write_text(json.dumps([a[0]+'1', a[0]+'2'])); print(json.dumps(a[0]))",
    "{inputValue: text}, {outputPath: out}",
)
fail_on_two = component(
    "fail-on-two",
    "{name: n, type: Integer}",
    "{name: out, type: Integer}",
    "print(json.dumps(a[0])); a[0] == '2' and sys.exit(3)\n"
    "p=pathlib.Path(a[1]); p.parent.mkdir(parents=True, exist_ok=True); p.write_text(a[0])",
    "{inputValue: n}, {outputPath: out}",
)
second_try = component(
    "second-try",
    "",
    "{name: out, type: String}",
    "t=os.environ.get('KFP_RETRY_INDEX', ''); print(json.dumps(t)); t in ('', '0') and sys.exit(3)\n"
    "p=pathlib.Path(a[0]); p.parent.mkdir(parents=True, exist_ok=True); p.write_text('try '+t)",
    "{outputPath: out}",
)
two_outputs = component(
    "two-outputs",
    "",
    "{name: value, type: Integer}, {name: file, type: Dataset}",
    "print(json.dumps('one of two')); p=pathlib.Path(a[1]); p.parent.mkdir(parents=True, exist_ok=True)\n"
    "p.write_text('x')",
    "{outputPath: value}, {outputPath: file}",
)
bad_integer = component(
    "bad-integer",
    "",
    "{name: out, type: Integer}",
    "print(json.dumps('no number')); p=pathlib.Path(a[0]); p.parent.mkdir(parents=True, exist_ok=True)\n"
    "p.write_text('many')",
    "{outputPath: out}",
)
number = of("Float", WRITE, "Float")


read_list_with = component(
    "read-list-with",
    "{name: word, type: String}, {name: files, type: Dataset}",
    "",
    "print(json.dumps([a[0], *sorted(p.name for p in pathlib.Path(a[1]).iterdir())]))",
    "{inputValue: word}, {inputPath: files}",
)


# Pipelines that others are made of


@dsl.pipeline
def twice(n: int) -> int:
    return double(n=n).outputs["out"]


@dsl.pipeline
def fourfold(n: int) -> int:
    return double(n=twice(n=n).output).outputs["out"]


@dsl.pipeline
def sized(n: int) -> str:
    made = double(n=n)
    with dsl.If(made.outputs["out"] > 5):
        big = text(text="big")
    with dsl.Else():
        small = text(text="small")
    return dsl.OneOf(big.outputs["out"], small.outputs["out"])


@dsl.pipeline
def filed(n: int) -> Dataset:
    return double(n=n).outputs["file"]


@dsl.pipeline
def greets(word: str = "hello", times: int = 2):
    say(text=f"{word} {times}")


@dsl.pipeline
def may_say(word: Optional[str] = None):
    optional(s=word)


@dsl.pipeline
def reads(file: Input[Dataset]):
    read(file=file)


@dsl.pipeline
def broken():
    fail()


# Artifacts in and around loops


@dsl.pipeline
def artifact_into_loop():
    made = double(n=5)
    with dsl.ParallelFor(["a", "b"]) as item:
        read_with(word=item, file=made.outputs["file"])


@dsl.component(base_image=IMAGE)
def texts(files: Input[List[Dataset]]):
    import json

    print(json.dumps([open(each.path).read() for each in files]))  # noqa: PTH123, SIM115


@dsl.pipeline
def collected_artifacts():
    with dsl.ParallelFor([3, 1, 2]) as item:
        made = double(n=item)
    texts(files=dsl.Collected(made.outputs["file"]))


@dsl.pipeline
def collected_of_chain():
    with dsl.ParallelFor([1, 2]) as item:
        made = double(n=item)
        again = double(n=made.outputs["out"])
    say_list(items=dsl.Collected(again.outputs["out"]))


@dsl.pipeline
def collected_of_pipelines():
    with dsl.ParallelFor([1, 2]) as item:
        made = twice(n=item)
    say_list(items=dsl.Collected(made.output))


@dsl.pipeline
def one_of_artifacts():
    made = text(text="b")
    with dsl.If(made.outputs["out"] == "a"):
        first = double(n=1)
    with dsl.Else():
        second = double(n=2)
    read(file=dsl.OneOf(first.outputs["file"], second.outputs["file"]))


@dsl.pipeline
def one_of_in_loop():
    with dsl.ParallelFor([1, 2, 3]) as item:
        made = double(n=item)
        with dsl.If(made.outputs["out"] > 3):
            big = text(text="big")
        with dsl.Else():
            small = text(text="small")
        say(text=dsl.OneOf(big.outputs["out"], small.outputs["out"]))


@dsl.pipeline
def folder_in_loop():
    made = folder()
    with dsl.ParallelFor(["a"]) as item:
        read_list_with(word=item, files=made.outputs["files"])


@dsl.pipeline
def loop_in_loop_of_outputs():
    outer = array(text='["p", "q"]')
    with dsl.ParallelFor(outer.outputs["out"]) as one:
        inner = pair(text=one)
        with dsl.ParallelFor(inner.outputs["out"]) as two:
            say(text=two)


@dsl.pipeline
def loop_not_entered():
    made = text(text="go")
    with dsl.If(made.outputs["out"] == "stay"), dsl.ParallelFor(["a", "b"]) as item:
        say(text=item)
    say(text="beside")


@dsl.pipeline
def branches_in_loop():
    with dsl.ParallelFor(["a", "b", "c"]) as item:
        with dsl.If(item == "a"):
            say(text="first")
        with dsl.Elif(item == "b"):
            say(text="second")
        with dsl.Else():
            say(text="third")


# Pipelines in pipelines


@dsl.pipeline
def pipeline_with_branches():
    say(text=sized(n=1).output)
    say(text=sized(n=9).output)


@dsl.pipeline
def pipeline_three_deep():
    say(text=f"gave {fourfold(n=3).output}")


@dsl.pipeline
def pipeline_of_artifact():
    read(file=filed(n=3).output)


@dsl.pipeline
def pipeline_takes_artifact():
    reads(file=double(n=4).outputs["file"])


@dsl.pipeline
def pipeline_defaults():
    greets()
    greets(word="good day")


@dsl.pipeline
def pipeline_optional():
    may_say()
    may_say(word="here")


@dsl.pipeline
def pipeline_fails():
    made = broken()
    say(text="after the pipeline").after(made)


@dsl.pipeline
def pipeline_not_entered():
    made = text(text="go")
    with dsl.If(made.outputs["out"] == "stay"):
        greets()


# Failures


@dsl.pipeline
def exit_after_failing_loop():
    done = last()
    with dsl.ExitHandler(done), dsl.ParallelFor([1, 2, 3]) as item:
        fail_on_two(n=item)


@dsl.pipeline
def failure_in_loop():
    with dsl.ParallelFor([1, 2, 3]) as item:
        made = fail_on_two(n=item)
        double(n=made.outputs["out"])


@dsl.pipeline
def after_failing_loop():
    with dsl.ParallelFor([1, 2]) as item:
        made = fail_on_two(n=item)
    say_list(items=dsl.Collected(made.outputs["out"]))


@dsl.pipeline
def failure_ignored_twice():
    bad = fail()
    one = say(text="one").after(bad).ignore_upstream_failure()
    say(text="two").after(one)


@dsl.pipeline
def success_ignored():
    good = text(text="good")
    say(text="all the same").after(good).ignore_upstream_failure()


@dsl.pipeline
def parameter_not_written():
    two_outputs()


@dsl.pipeline
def parameter_of_another_type():
    made = bad_integer()
    double(n=made.outputs["out"])


@dsl.pipeline
def retried_in_vain():
    fail().set_retry(2, backoff_duration="0s")


@dsl.pipeline
def retried():
    made = second_try().set_retry(2, backoff_duration="0s")
    say(text=made.outputs["out"])


# Importers


@dsl.pipeline
def importer_of_file():
    read(file=dsl.importer(artifact_uri="words.txt", artifact_class=Dataset).output)


@dsl.pipeline
def importer_of_parameter(uri: str = "words.txt"):
    read(file=dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=True).output)


# What may be missing


@dsl.pipeline
def optional_artifact_given():
    optional_file(file=double(n=1).outputs["file"])


@dsl.component(base_image=IMAGE)
def perhaps(word: Optional[str] = None, table: Optional[Input[Dataset]] = None, n: int = 5, more: dict = {"k": [1]}):  # noqa: B006
    import json

    print(json.dumps([word, table is None, n, more]))


@dsl.pipeline
def python_defaults():
    perhaps()
    perhaps(word="w", table=double(n=1).outputs["file"], n=6, more={"k": 2})


# Python components


@dsl.component(base_image=IMAGE)
def values(s: str, i: int, f: float, b: bool, items: list, d: dict, named: Dict[str, int], numbers: List[int]):
    import json

    print(json.dumps([s, i, f, b, items, d, named, numbers]))


@dsl.pipeline
def python_values(s: str = 'O\'Brien "x"', i: int = -3, f: float = 0.5, b: bool = False):
    values(s=s, i=i, f=f, b=b, items=[1, 2.5, "x"], d={"k": {"n": [True]}}, named={"a": 1}, numbers=[1, 2])


@dsl.component(base_image=IMAGE)
def write_table(rows: int, table: Output[Dataset], note: Output[Markdown]):
    with open(table.path, "w") as stream:  # noqa: PTH123
        stream.write("r" * rows)
    table.metadata["rows"] = rows
    table.metadata["columns"] = ["a", "b"]
    with open(note.path, "w") as stream:  # noqa: PTH123
        stream.write("# Note")


@dsl.component(base_image=IMAGE)
def read_table(table: Input[Dataset], note: Input[Markdown]):
    import json

    with open(table.path) as stream, open(note.path) as words:  # noqa: PTH123
        print(json.dumps([stream.read(), table.metadata["rows"], table.metadata["columns"], words.read()]))


@dsl.pipeline
def python_artifacts():
    made = write_table(rows=3)
    read_table(table=made.outputs["table"], note=made.outputs["note"])


@dsl.component(base_image=IMAGE)
def several(n: int) -> NamedTuple("Several", [("text", str), ("number", int), ("items", list), ("found", dict)]):
    from collections import namedtuple

    return namedtuple("Several", "text number items found")("t", n + 1, [n, "x"], {"n": n})


@dsl.pipeline
def python_named_tuple():
    made = several(n=1)
    values(
        s=made.outputs["text"],
        i=made.outputs["number"],
        f=1.5,
        b=True,
        items=made.outputs["items"],
        d=made.outputs["found"],
        named={},
        numbers=[],
    )


@dsl.component(base_image=IMAGE)
def into_path(word: str, out: OutputPath(str), file: OutputPath("Dataset")):
    with open(out, "w") as stream:  # noqa: PTH123
        stream.write(word + "!")
    with open(file, "w") as stream:  # noqa: PTH123
        stream.write("file of " + word)


@dsl.pipeline
def python_output_path():
    made = into_path(word="w")
    say(text=made.outputs["out"])
    read(file=made.outputs["file"])


@dsl.component(base_image=IMAGE)
def measure(metrics: Output[Metrics], classes: Output[ClassificationMetrics], model: Output[Model]):
    metrics.log_metric("accuracy", 0.5)
    metrics.log_metric("count", 3)
    classes.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])
    model.metadata |= {"framework": "none", "ready": True}


@dsl.component(base_image=IMAGE)
def measured(metrics: Input[Metrics], classes: Input[ClassificationMetrics], model: Input[Model]):
    import json

    found = [metrics.metadata["accuracy"], metrics.metadata["count"], classes.metadata["confusionMatrix"]]
    print(json.dumps([*found, model.metadata["framework"], model.metadata["ready"]]))


@dsl.pipeline
def python_metrics():
    made = measure()
    measured(metrics=made.outputs["metrics"], classes=made.outputs["classes"], model=made.outputs["model"])


@dsl.component(base_image=IMAGE)
def squared(n: int) -> int:
    return n * n


@dsl.component(base_image=IMAGE)
def total(numbers: List[int]) -> int:
    import json

    print(json.dumps(numbers))
    return sum(numbers)


@dsl.pipeline
def python_in_loop():
    with dsl.ParallelFor([1, 2, 3]) as item:
        made = squared(n=item)
    found = total(numbers=dsl.Collected(made.output))
    with dsl.If(found.output > 10):
        say(text="much")


@dsl.component(base_image=IMAGE)
def raises():
    print('"before"')
    raise ValueError("odd")


@dsl.pipeline
def python_raises():
    raises()


@dsl.component(base_image=IMAGE)
def returns_dict() -> dict:
    return {"b": [1, 2.5, None], "a": {"x": True}}


@dsl.component(base_image=IMAGE)
def takes_dict(d: dict):
    import json

    print(json.dumps(d, sort_keys=True))


@dsl.pipeline
def python_dict():
    takes_dict(d=returns_dict().output)


@dsl.component(base_image=IMAGE)
def ends(status: dsl.PipelineTaskFinalStatus):
    import json

    print(json.dumps([status.state, status.pipeline_task_name]))


@dsl.pipeline
def python_exit():
    with dsl.ExitHandler(ends()):
        say(text="inside")


@dsl.pipeline
def task_name():
    say(text=dsl.PIPELINE_TASK_NAME_PLACEHOLDER)


# Items of loops over constants, and their parts, of every type


@dsl.component(base_image=IMAGE)
def take_parts(i: int, f: float, b: bool, s: str, items: list, d: dict):
    import json

    print(json.dumps([i, f, b, s, items, d]))


@dsl.component(base_image=IMAGE)
def take_integer(n: int):
    print(n)


@dsl.component(base_image=IMAGE)
def take_float(x: float):
    print(x)


PARTS = [
    {"s": "x", "i": 1, "f": 1, "b": True, "items": [1, 2], "d": {"k": 1}},
    {"s": "y", "i": 2, "f": 0.5, "b": False, "items": [], "d": {}},
]


@dsl.pipeline
def loop_parts_of_all_types():
    with dsl.ParallelFor(PARTS) as item:
        take_parts(i=item.i, f=item.f, b=item.b, s=item.s, items=item.items, d=item.d)


@dsl.pipeline
def loop_over_part_of_integers():
    counts = [{"word": "a", "counts": [1, 2]}, {"word": "b", "counts": [3]}]
    with dsl.ParallelFor(counts) as item, dsl.ParallelFor(item.counts) as count:
        take_integer(n=count)
        say(text=f"{item.word} {count}")


@dsl.pipeline
def loop_over_part_of_structs():
    words = [{"of": [{"word": "a", "n": 1}, {"word": "b", "n": 3}]}]
    with dsl.ParallelFor(words) as item, dsl.ParallelFor(item.of) as each:
        take_integer(n=each.n)
        with dsl.If(each.n > 1):
            say(text=each.word)


@dsl.pipeline
def loop_over_lists():
    with dsl.ParallelFor([[1, 2], [3]]) as items, dsl.ParallelFor(items) as item:
        take_integer(n=item)


@dsl.pipeline
def loop_mixed_numbers():
    with dsl.ParallelFor([1, 2.5]) as item:
        take_float(x=item)


@dsl.pipeline
def loop_mixed_items():
    with dsl.ParallelFor([1, "a", [2], {"b": 1}]) as item:
        say(text=item)


@dsl.pipeline
def if_on_parts():
    with dsl.ParallelFor(PARTS) as item, dsl.If(item.b == True):  # noqa: E712
        take_integer(n=item.i)
        with dsl.If(item.i == 1):
            say(text=f"{item.s} {item.f}")


@dsl.pipeline
def loop_in_loop_parts():
    with dsl.ParallelFor([{"n": 1}, {"n": 2}]) as outer, dsl.ParallelFor([{"word": "a", "n": 3}]) as inner:
        take_integer(n=outer.n)
        take_integer(n=inner.n)
        say(text=f"{outer.n} {inner.word}")


@dsl.pipeline
def loop_untyped_parameter(items: list = [1, 2]):  # noqa: B006
    with dsl.ParallelFor(items) as item:
        take_integer(n=item)
