"""The house of `tasks/`: arrows run down, no circles, small files and functions, imports at the top."""

from helpers import house

# What is not as it should be yet, by file. This list only ever gets shorter.
LEFT: list[str] = []


def test_rooms_import_only_what_is_below_them_and_nothing_is_too_large() -> None:
    found = [
        fault for fault in house.faults() if not any(file in fault.split() or f"{file}," in fault for file in LEFT)
    ]
    assert not found, "\n" + "\n".join(found)


def test_what_is_left_is_only_what_is_left() -> None:
    faults = "\n".join(house.faults())
    done = [file for file in LEFT if file not in faults]
    assert not done, f"these are as they should be, so take them out of LEFT: {', '.join(done)}"


def test_the_picture_in_contributing_is_of_this_house() -> None:
    text = house.CONTRIBUTING.read_text(encoding="utf-8")
    assert text == house.with_picture(text), "renew it: make picture"
