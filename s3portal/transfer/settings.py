"""Settings: each declared once, as a field of a frozen dataclass, with its kind, default and help.

``read_settings`` makes such a dataclass from a portal's configuration and lists everything that is wrong in
one error; ``unknown_settings`` finds the misspelt names. The portal's extension declares its own settings by
the same means.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from s3portal.transfer.setting_errors import SettingProblem, SettingsError
from s3portal.transfer.setting_kinds import Kind, most_alike
from s3portal.transfer.sizes import format_limit

_DECLARATION = "s3portal.setting"


@dataclass(frozen=True)
class Declaration:
    """What is said of one setting. ``name`` is its name after the portal's prefix."""

    name: str
    kind: Kind
    help: str
    default: Any
    required: bool
    minimum: int | None
    maximum: int | None
    secret: bool

    def parse(self, text: str) -> Any:
        """The value that ``text`` says. Raises ValueError with what is wrong with it."""
        value = self.kind.parse(text)
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"is too small: at least {self._shown(self.minimum)}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"is too large: at most {self._shown(self.maximum)}")
        return value

    def _shown(self, number: int) -> str:
        if self.kind.name == "bytes":
            return format_limit(number)
        return f"{number:,} seconds" if self.kind.name == "seconds" else f"{number:,}"


SettingsT = TypeVar("SettingsT")

_NO_DEFAULT: Any = object()


def setting(
    kind: Kind,
    help: str,
    default: Any = _NO_DEFAULT,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    secret: bool = False,
) -> Any:
    """A dataclass field that is a setting, required where it has no default.

    ``minimum`` and ``maximum`` hold for numbers, sizes and times; the value of a ``secret`` is never shown.
    """
    required = default is _NO_DEFAULT
    declaration = Declaration(
        "", kind, help, None if required else default, required, minimum, maximum, secret
    )
    field_default = dataclasses.MISSING if required else default
    return dataclasses.field(default=field_default, repr=not secret, metadata={_DECLARATION: declaration})


def declared_settings(settings_class: type[Any]) -> list[Declaration]:
    """What a class of settings declares, in its order: for documentation and a portal's own declarations."""
    return [
        dataclasses.replace(field.metadata[_DECLARATION], name=field.name)
        for field in dataclasses.fields(settings_class)
        if _DECLARATION in field.metadata
    ]


def read_settings(settings_class: type[SettingsT], values: Mapping[str, object], prefix: str) -> SettingsT:
    """The settings of this class in ``values``, whose names are ``prefix`` and the field's name.

    Values are texts, or what a portal that knows types has made of them already. A missing or blank value
    means the default. The class may have a ``problems()`` method that yields ``(name, problem)`` where values
    do not go together. Raises SettingsError, which lists every problem by the setting's full name.
    """
    problems: list[SettingProblem] = []
    read: dict[str, Any] = {}
    for declaration in declared_settings(settings_class):
        full_name = f"{prefix}{declaration.name}"
        text = _as_text(values.get(full_name))
        try:
            if text:
                read[declaration.name] = declaration.parse(text)
            elif declaration.required:
                problems.append(SettingProblem(full_name, f"is missing: {declaration.help}"))
        except ValueError as error:
            given = None if declaration.secret else text
            problems.append(SettingProblem(full_name, str(error), given))
    if problems:
        raise SettingsError(tuple(problems))
    settings = settings_class(**read)
    find_problems = getattr(settings, "problems", tuple)
    if together := tuple(SettingProblem(f"{prefix}{name}", problem) for name, problem in find_problems()):
        raise SettingsError(together)
    return settings


def unknown_settings(
    settings_classes: Iterable[type[Any]], values: Iterable[str], prefix: str
) -> list[tuple[str, str | None]]:
    """The names in ``values`` under ``prefix`` that no class declares, each with the declared name most like
    it.

    Names are full. A message says: "X is not a setting; did you mean Y?"
    """
    known = {
        declaration.name
        for settings_class in settings_classes
        for declaration in declared_settings(settings_class)
    }
    named = {name.removeprefix(prefix) for name in values if name.startswith(prefix)}
    suggestions = ((name, most_alike(name, known)) for name in sorted(named - known))
    return [(f"{prefix}{name}", f"{prefix}{alike}" if alike else None) for name, alike in suggestions]


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(str(item) for item in value)
    return str(value).strip()
