"""50 components of kfp.local that do nothing."""

from kfp import dsl, local


@dsl.component(install_kfp_package=False)
def nothing(number: int):
    pass


@dsl.pipeline
def pipeline():
    for number in range(50):
        nothing(number=number)


if __name__ == "__main__":
    local.init(local.SubprocessRunner(use_venv=False))
    pipeline()
