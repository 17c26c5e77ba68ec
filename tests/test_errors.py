"""The errors: classes by what to do, which never disagree with what is known."""

import builtins
import copy
import pickle
from datetime import UTC, datetime
from itertools import product

import pytest

from aiocc import errors
from aiocc.delivery import Attempt, Delivery, Phase, Reason
from aiocc.errors import AioccError, CallError, InvalidRequestError, RateLimitedError, call_error_classes, error_class

TREE = {
    "NotSentError": ["ConnectFailedError", "DnsError", "TLSError", "QueueTimeoutError", "UnavailableError",
                     "DeadlineNotSentError"],
    "RejectedError": ["AuthenticationError", "RateLimitedError", "AgentSignedOutError"],
    "DeliveryUnknownError": ["ConnectionLostError", "BadAnswerError", "FrontEndError", "DeadlineUnknownError"],
    "AcceptedButUnreadableError": [],
}  # fmt: skip

DELIVERY = {
    "NotSentError": Delivery.NOT_SENT,
    "RejectedError": Delivery.REJECTED,
    "DeliveryUnknownError": Delivery.UNKNOWN,
    "AcceptedButUnreadableError": Delivery.ACCEPTED,
}

CONCRETE = [cls for cls in call_error_classes() if cls is not CallError]

ATTEMPT = Attempt(
    number=1,
    delivery=Delivery.UNKNOWN,
    reason=Reason.READ_TIMEOUT,
    phase=Phase.AWAIT_ANSWER,
    connection="reused",
    started=datetime(2024, 10, 31, 14, 6, 52, tzinfo=UTC),
    elapsed=15.0,
    code="0",
    status=500,
)


def make(cls: type[CallError]) -> CallError:
    """Make an error with all of its fields set."""
    return cls(
        "create_call: it went wrong",
        operation="create_call",
        log_name="createcall",
        service="fabric",
        call_id="1a2b-1",
        reason=Reason.READ_TIMEOUT,
        attempts=(ATTEMPT,),
        elapsed=15.0,
        code="0",
        description="Success",
        meaning="Fine.",
        next_step="Do not repeat.",
    )


def test_tree():
    """The classes are those of the design, each under the class that fixes its delivery."""
    found = {
        parent.__name__: [cls.__name__ for cls in CONCRETE if issubclass(cls, parent) and cls is not parent]
        for parent in CallError.__subclasses__()
    }

    assert {name: sorted(children) for name, children in TREE.items()} == {
        name: sorted(children) for name, children in found.items()
    }


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
def test_class_fixes_delivery(cls):
    """A class has the delivery of its top class, and no instance another."""
    top = next(parent for parent in cls.__mro__ if parent.__name__ in DELIVERY)

    assert DELIVERY[top.__name__] is cls.delivery is make(cls).delivery


@pytest.mark.parametrize(("delivery", "reason"), list(product(Delivery, Reason)))
def test_chosen_class_agrees_with_delivery(delivery, reason):
    """Whatever the reason, the class that is chosen has the delivery that is known, and is no bare CallError."""
    chosen = error_class(delivery, reason)

    assert (delivery, True) == (chosen.delivery, chosen is not CallError)


def test_every_class_is_chosen_by_some_reason():
    """No class exists for nothing."""
    chosen = {error_class(delivery, reason) for delivery, reason in product(Delivery, Reason)}

    assert set(CONCRETE) == chosen


@pytest.mark.parametrize(
    ("row", "delivery", "reason", "name"),
    [
        (1, Delivery.NOT_SENT, Reason.CONNECTION_REFUSED, "ConnectFailedError"),
        (2, Delivery.NOT_SENT, Reason.DNS_FAILURE, "DnsError"),
        (3, Delivery.NOT_SENT, Reason.CONNECT_TIMEOUT, "ConnectFailedError"),
        (4, Delivery.NOT_SENT, Reason.CERTIFICATE_UNTRUSTED, "TLSError"),
        (5, Delivery.NOT_SENT, Reason.CERTIFICATE_EXPIRED, "TLSError"),
        (6, Delivery.NOT_SENT, Reason.CERTIFICATE_HOST_MISMATCH, "TLSError"),
        ("6a", Delivery.REJECTED, Reason.CLIENT_CERTIFICATE_REFUSED, "RejectedError"),
        (7, Delivery.NOT_SENT, Reason.TLS_VERSION, "TLSError"),
        (10, Delivery.NOT_SENT, Reason.QUEUE_TIMEOUT, "QueueTimeoutError"),
        (14, Delivery.NOT_SENT, Reason.DEADLINE, "DeadlineNotSentError"),
        (15, Delivery.UNKNOWN, Reason.CONNECTION_RESET, "ConnectionLostError"),
        (17, Delivery.UNKNOWN, Reason.CONNECTION_CLOSED, "ConnectionLostError"),
        (18, Delivery.UNKNOWN, Reason.STALE_CONNECTION, "ConnectionLostError"),
        (21, Delivery.UNKNOWN, Reason.DEADLINE, "DeadlineUnknownError"),
        (24, Delivery.UNKNOWN, Reason.NOT_JSON, "BadAnswerError"),
        (30, Delivery.UNKNOWN, Reason.BAD_STATUS, "BadAnswerError"),
        (31, Delivery.UNKNOWN, Reason.BODY_TOO_LARGE, "BadAnswerError"),
        (45, Delivery.UNKNOWN, Reason.FRONT_END, "FrontEndError"),
        (48, Delivery.UNKNOWN, Reason.CODE_MISSING, "BadAnswerError"),
        (49, Delivery.ACCEPTED, Reason.PAYLOAD_UNREADABLE, "AcceptedButUnreadableError"),
        (50, Delivery.REJECTED, Reason.UNKNOWN_CODE, "RejectedError"),
        (50, Delivery.UNKNOWN, Reason.UNKNOWN_CODE, "DeliveryUnknownError"),
        (54, Delivery.REJECTED, Reason.UNAUTHORIZED, "AuthenticationError"),
        (56, Delivery.NOT_SENT, Reason.CREDENTIAL_UNAVAILABLE, "UnavailableError"),
        (60, Delivery.REJECTED, Reason.RATE_LIMITED, "RateLimitedError"),
    ],
)
def test_rows_of_the_matrix(row, delivery, reason, name):
    """A fault of the matrix gives the class that its row names."""
    assert (row, name) == (row, error_class(delivery, reason).__name__)


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    "remake",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],  # noqa: S301 - ours
    ids=["copy", "deepcopy", "pickle"],
)
def test_error_survives(cls, remake):
    """A copied or pickled error is the same class with the same message and fields."""
    error = make(cls)

    found = remake(error)

    assert (cls, str(error), error.args, vars(error)) == (type(found), str(found), found.args, vars(found))


def test_retry_after_survives():
    """What the service asked to wait is not lost on the way to another process."""
    error = make(RateLimitedError)
    error.retry_after = 7.0

    assert 7.0 == pickle.loads(pickle.dumps(error)).retry_after  # noqa: S301 - ours


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
def test_args_is_the_message_alone(cls):
    """`args` holds the message and nothing that a log would print beside it."""
    error = make(cls)

    assert (("create_call: it went wrong",), "create_call: it went wrong") == (error.args, str(error))


def test_log_name_is_ours_where_the_vendor_has_none():
    """Without a name in the vendor's logs, ours is to be searched for."""
    error = CallError("m", operation="create_call", service="fabric", call_id="1", reason=Reason.DEADLINE)

    assert error.operation == error.log_name


@pytest.mark.parametrize(
    ("builtin", "names"),
    [
        (TimeoutError, {"DeadlineNotSentError", "DeadlineUnknownError"}),
        (ValueError, {"InvalidRequestError"}),
        (ConnectionError, set()),
    ],
)
def test_builtin_bases(builtin, names):
    """A deadline is a TimeoutError, a wrong argument a ValueError, and nothing else poses as a builtin."""
    classes = [*CONCRETE, *AioccError.__subclasses__()]

    assert names == {cls.__name__ for cls in classes if issubclass(cls, builtin)}


def test_wrong_argument_is_caught_as_value_error():
    """Code that knows nothing of aiocc catches a wrong argument."""
    with pytest.raises(ValueError, match=r"^called must be text$"):
        raise InvalidRequestError("called must be text")


def test_no_name_shadows_a_builtin():
    """`from aiocc import *` takes no builtin's name away."""
    names = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == "aiocc.errors"
    }

    assert set() == names & set(dir(builtins))
