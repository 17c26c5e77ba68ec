"""The checks of arguments: each error names the field, the limit and what was given, never the value itself."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from aiocc.errors import InvalidRequestError
from aiocc.protocol.checks import is_number, is_seconds, kind, number, one_of, text, utf8_text


def complaint(check: Callable[..., None], value: Any) -> str | None:
    """Give what a check says of a value, None where it takes it."""
    model = attrs.make_class("Model", {"field": attrs.field(validator=check)})
    try:
        model(value)
    except InvalidRequestError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (text(1, 3), "a"),
        (text(1, 3), "张三李"),
        (text(1, None), "a" * 100_000),
        (text(0, 3), ""),
        (text(1, 3, optional=True), None),
        (utf8_text(6), ""),
        (utf8_text(6), "张三"),
        (number(1, 9), 1),
        (number(1, 9), 9),
        (number(1), 10**30),
        (number(1, 9, optional=True), None),
        (one_of("zh_CN", "en_US"), "en_US"),
        (one_of("zh_CN", optional=True), None),
    ],
)
def test_check_takes(check, value):
    """A value within its limit, the limit included, passes."""
    assert None is complaint(check, value)


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (text(1, 3), "", "field must be text of 1 to 3 characters, not empty text"),
        (text(1, 3), "abcd", "field must be text of 1 to 3 characters, not text of 4 characters"),
        (text(1, None), "", "field must be text of at least 1 characters, not empty text"),
        (text(1, 3), None, "field must be text of 1 to 3 characters, not None"),
        (text(1, 3, optional=True), 7, "field must be text of 1 to 3 characters or None, not a number: give text"),
        (text(1, 3), b"ab", "field must be text of 1 to 3 characters, not a bytes"),
        (text(1, 3), "\ud800", "field must be text that UTF-8 can encode, not text with a lone surrogate"),
        (utf8_text(5), "张三", "field must be text of 0 to 5 bytes of UTF-8, not text of 6 bytes"),
        (utf8_text(5), None, "field must be text of 0 to 5 bytes of UTF-8, not None"),
        (utf8_text(5), "\udfff", "field must be text that UTF-8 can encode, not text with a lone surrogate"),
        (number(1, 9), 0, "field must be a whole number from 1 to 9, not 0"),
        (number(1, 9), 10, "field must be a whole number from 1 to 9, not 10"),
        (number(1), 0, "field must be a whole number over 0, not 0"),
        (number(1, 9), True, "field must be a whole number from 1 to 9, not a bool"),
        (number(1, 9), 1.0, "field must be a whole number from 1 to 9, not a float"),
        (number(1, 9), "5", "field must be a whole number from 1 to 9, not text of 1 characters"),
        (number(1, 9), 10**40, "field must be a whole number from 1 to 9, not a far larger number"),
        (number(1, 9, optional=True), "", "field must be a whole number from 1 to 9 or None, not empty text"),
        (one_of("a", "b"), "secret", "field must be 'a' or 'b', not text of 6 characters"),
        (one_of("a", "b", optional=True), [], "field must be 'a' or 'b' or None, not a list"),
    ],
)
def test_check_refuses(check, value, expected):
    """A value outside its limit is refused with the field, the limit and the kind of what was given."""
    assert expected == complaint(check, value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        (False, "a bool"),
        (-3, "-3"),
        ("", "empty text"),
        ("pin", "text of 3 characters"),
        ({}, "a dict"),
    ],
)
def test_kind_shows_no_text(value, expected):
    """A value is described by its kind and size."""
    assert expected == kind(value)


def test_a_bool_is_no_number():
    """True counts nothing, although Python has it equal 1."""
    assert [True, False, False] == [is_number(1), is_number(True), is_number(1.0)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, True),
        (10**400, False),
        (0.5, True),
        (float("inf"), True),
        (float("nan"), False),
        (True, False),
        ("1", False),
        (None, False),
    ],
)
def test_lengths_of_time(value, expected):
    """A length of time is a number; NaN, a bool, text and what no clock can add are none."""
    assert expected is is_seconds(value)
