"""What doctor names."""

import re
from pathlib import Path

from helpers.inv import inv


def test_doctor_names_what_the_environment_lacks(penguins: Path) -> None:
    lock = penguins / "requirements.txt"
    kept = lock.read_text(encoding="utf-8")
    lock.write_text(re.sub(r"(?m)^typer==\S+", "typer==0.0.1", kept) + "\nnosuchpackage==1.0\n", encoding="utf-8")
    result = inv(penguins, "doctor", "--for", "host", code=1)
    assert "typer" in result.stdout and "nosuchpackage missing" in result.stdout
    assert "uv sync" in result.stdout
    lock.write_text(kept, encoding="utf-8")
