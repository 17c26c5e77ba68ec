"""What an operation is, as data."""

import pytest

from aiocc.protocol.operation import Effect, Request, fill_path


@pytest.mark.parametrize(
    ("kind", "harmless", "grave"),
    [
        (Effect.READ, True, False),
        (Effect.IDEMPOTENT, True, False),
        (Effect.MESSAGE, False, False),
        (Effect.CALL, False, True),
        (Effect.CHANGE, False, True),
    ],
)
def test_effects(kind, harmless, grave):
    """Doing it twice is harmless, a nuisance or grave; what nobody knows is as grave as a dialled call."""
    assert (harmless, grave) == (kind.harmless, kind.grave)


@pytest.mark.parametrize(
    ("template", "params", "expected"),
    [
        ("/a/b", {}, "/a/b"),
        ("/a/{agent_id}/b", {"agent_id": "101"}, "/a/101/b"),
        ("/{a}/{b}/{a}", {"a": "1", "b": "x/y"}, "/1/x%2Fy/1"),
        ("/{a}", {"a": "{b}", "b": "no"}, "/%7Bb%7D"),
        ("/{a}", {"a": "../../admin?x#y"}, "/..%2F..%2Fadmin%3Fx%23y"),
    ],
)
def test_fill_path(template, params, expected):
    """Row 12: values are encoded into their places and are never templates themselves."""
    assert expected == fill_path(template, params)


def test_missing_value_is_an_error():
    """No path leaves with a hole in it."""
    with pytest.raises(KeyError):
        fill_path("/a/{agent_id}", {"agent": "101"})


def test_request_travels_empty_by_default():
    """A model overrides what it has; all else is nothing."""
    request = Request()

    assert ({}, (), (), None, "") == (
        request.path_params(),
        request.query(),
        request.headers(),
        request.payload(),
        request.trace(),
    )
