"""Decoded JSON read key by key, with errors that name file and key."""

from __future__ import annotations

from typing import Any

from .errors import ModelError

LARGEST = 1e30
"""Beyond it a mean or deviation leaves the range of float32."""


class JsonReader:
    """Typed access to a JSON object.

    Parameters
    ----------
    data : object
        Decoded JSON; must be an object.
    origin : str
        File name for errors.
    where : str
        Place of the object in the file; ``"card"`` for all of it.

    Raises
    ------
    ModelError
        Here and in every method, naming file, key, what was expected and what was found.
    """

    def __init__(self, data: object, origin: str, where: str) -> None:
        if not isinstance(data, dict):
            raise ModelError(
                f"{origin}: {where}: expected a JSON object with keys and values, found {type(data).__name__}"
            )
        self._data: dict[str, Any] = data
        self.origin = origin
        self._where = "" if where == "card" else where + "."

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        return key in self._data

    def _fail(self, key: str, expected: str, found: object) -> ModelError:
        return ModelError(f"{self.origin}: key '{self._where}{key}': expected {expected}, found {found!r}")

    def _get(self, key: str, expected: str, default: Any = None) -> Any:
        if key in self._data:
            return self._data[key]
        if default is None:
            raise ModelError(f"{self.origin}: key '{self._where}{key}' is missing; expected {expected}")
        return default

    def text(self, key: str, default: str | None = None) -> str:
        """Text; without a default it must not be empty."""
        value = self._get(key, "text", default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self._fail(key, "text", value)
        return value

    def texts(self, key: str) -> list[str]:
        """A list of names, at least one."""
        value = self._get(key, "a list of names")
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise self._fail(key, "a list of names", value)
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number in a range."""
        value = self._get(key, f"a number from {low:g} to {high:g}", default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self._fail(key, f"a number from {low:g} to {high:g}", value)
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number in a range."""
        value = self.number(key, low, high, default)
        if not float(value).is_integer():
            raise self._fail(key, "a whole number", value)
        return int(value)

    def numbers(self, key: str, count: int, default: float) -> tuple[float, ...]:
        """So many numbers; by default all alike."""
        value = self._get(key, f"{count} numbers", [default] * count)
        good = isinstance(value, list) and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) <= LARGEST for v in value
        )
        if not good or len(value) != count:
            raise self._fail(key, f"{count} numbers, one a band", value)
        return tuple(float(v) for v in value)

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of the texts allowed."""
        value = self._get(key, " or ".join(allowed), default)
        if value not in allowed:
            raise self._fail(key, " or ".join(allowed), value)
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            raise self._fail(key, "true or false", value)
        return value

    def section(self, key: str) -> JsonReader:
        """The object under a key."""
        return JsonReader(self._get(key, "an object"), self.origin, f"{self._where}{key}")
