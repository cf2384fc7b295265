"""Settings are declared once, read with their types, and every mistake is named before anything runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from s3portal.transfer import (
    ARN,
    BOOLEAN,
    BYTES,
    INTEGER,
    SECONDS,
    TEXT,
    URL,
    WORDS,
    Kind,
    SettingsError,
    TransferSettings,
    choice,
    declared_settings,
    read_settings,
    setting,
    unknown_settings,
)


@dataclass(frozen=True, kw_only=True)
class Harbour:
    """Settings of a portal's own."""

    name: str = setting(TEXT, "what the harbour is called")
    berths: int = setting(INTEGER, "how many ships fit", 4, minimum=1, maximum=9)
    draught: int = setting(BYTES, "how deep", 10, maximum=5_000_000)
    toll: str = setting(TEXT, "the secret sign", "", secret=True)
    flags: tuple[str, ...] = setting(WORDS, "which flags may enter", ())
    lit: bool = setting(BOOLEAN, "whether there is light", False)
    wait: int = setting(SECONDS, "how long ships wait", 60, minimum=30)

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.lit and self.berths == 1:
            yield "lit", "wants more than one berth"


def problems_of(values: dict[str, object]) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        read_settings(Harbour, values, "port.")
    return [str(problem) for problem in refusal.value.problems]


def test_values_come_with_their_types_and_the_rest_from_the_defaults() -> None:
    values = {"port.name": " Rum ", "port.flags": "no  dk\nis", "port.lit": "yes", "other.name": "x"}

    harbour = read_settings(Harbour, values, "port.")

    assert harbour == Harbour(name="Rum", flags=("no", "dk", "is"), lit=True)


def test_a_blank_value_is_the_default() -> None:
    assert read_settings(Harbour, {"port.name": "Rum", "port.berths": "  "}, "port.").berths == 4


def test_a_portal_may_have_read_the_types_already() -> None:
    values = {
        "port.name": "Rum",
        "port.berths": 7,
        "port.flags": ["no", "dk"],
        "port.lit": True,
        "port.toll": None,
    }

    assert read_settings(Harbour, values, "port.") == Harbour(
        name="Rum", berths=7, flags=("no", "dk"), lit=True
    )


def test_every_problem_is_named_in_full_at_once() -> None:
    problems = problems_of(
        {"port.berths": "ten", "port.lit": "maybe", "port.draught": "6 MB", "port.wait": "5"}
    )

    assert problems == [
        "port.name is missing: what the harbour is called",
        "port.berths = ten is not a whole number",
        "port.draught = 6 MB is too large: at most 5 MB",
        "port.lit = maybe is not a yes or no: write true or false",
        "port.wait = 5 is too small: at least 30 seconds",
    ]


def test_values_that_do_not_go_together_are_named() -> None:
    assert problems_of({"port.name": "Rum", "port.lit": "on", "port.berths": "1"}) == [
        "port.lit wants more than one berth"
    ]


def test_a_secret_is_never_shown() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Locked:
        key: int = setting(INTEGER, "the key", 0, secret=True)

    with pytest.raises(SettingsError) as refusal:
        read_settings(Locked, {"key": "hunter2"}, "")

    assert str(refusal.value.problems[0]) == "key is not a whole number"
    assert "sesame" not in repr(Harbour(name="Rum", toll="sesame"))


def test_a_misspelt_setting_is_found_and_the_right_one_suggested() -> None:
    names = ["port.name", "port.bearths", "port.colour_of_the_sea", "port.flag", "starboard.berths"]

    assert unknown_settings([Harbour, TransferSettings], names, "port.") == [
        ("port.bearths", "port.berths"),
        ("port.colour_of_the_sea", None),
        ("port.flag", "port.flags"),
    ]


def test_a_portal_can_show_what_is_declared() -> None:
    declared = {declaration.name: declaration for declaration in declared_settings(Harbour)}

    assert list(declared) == ["name", "berths", "draught", "toll", "flags", "lit", "wait"]
    assert declared["name"].required
    assert (declared["berths"].kind, declared["berths"].default) == (INTEGER, 4)
    assert declared["toll"].secret


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (INTEGER, "-3", -3),
        (SECONDS, "900", 900),
        (SECONDS, "90 s", 90),
        (SECONDS, "15 minutes", 900),
        (SECONDS, "1 hour", 3600),
        (SECONDS, "7days", 604_800),
        (BOOLEAN, "True", True),
        (BOOLEAN, "OFF", False),
        (URL, "https://S3.Example.org:9000/base/", "https://s3.example.org:9000/base"),
        (URL, "http://[::1]:9000", "http://[::1]:9000"),
        (ARN, *("arn:aws:iam::123456789012:role/uploads",) * 2),
        (ARN, "arn:aws-cn:iam:::role/a/b", "arn:aws-cn:iam:::role/a/b"),
        (choice("auto", "path"), "Path", "path"),
    ],
)
def test_a_kind_reads_its_values(kind: Kind, text: str, value: object) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        (INTEGER, "3.5", "whole number"),
        (SECONDS, "5 fortnights", "15 minutes or 7 days"),
        (SECONDS, "-5", "number of seconds"),
        (BOOLEAN, "2", "true or false"),
        (URL, "s3.example.org", "https://s3.example.org"),
        (URL, "ftp://s3.example.org", "not a URL"),
        (URL, "https://", "not a URL"),
        (URL, "https://s3.example.org:port", "not a URL"),
        (URL, "https://s3.example .org", "not a URL"),
        (URL, "https://me:secret@s3.example.org", "more than a scheme"),
        (URL, "https://s3.example.org/?a=b", "more than a scheme"),
        (ARN, "uploads", "ARN of a role"),
        (ARN, "arn:aws:iam::123456789012:user/anna", "ARN of a role"),
        (choice("auto", "path"), "host", "auto, path"),
        (choice("redirect", "nginx"), "ngnix", "did you mean nginx"),
    ],
)
def test_a_kind_says_what_is_wrong(kind: Kind, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        kind.parse(text)
