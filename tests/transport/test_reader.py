"""The reader: what is an answer and what is not, however its bytes are cut; and where httpx reads otherwise."""

from __future__ import annotations

import asyncio
import gc
import itertools
import tracemalloc
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import AnswerHead, Fault
from aiocc.transport.reader import Reader
from tests.campaigns.mutation import Mutation, differs_after, mutated, outcome_of, reader_after

from .corpus import CL, CORPUS, LARGE, PLAIN, SMALL, Case, answer, chunked, pieces, read


def by_name(cases: list[Case]) -> list[object]:
    """Give cases as parameters."""
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.mark.parametrize("case", by_name(CORPUS))
def test_each_answer_is_read_as_its_row_says(case: Case) -> None:
    """A legal answer gives status and body, an illegal one a typed fault, and only a clean end keeps the connection."""
    assert case.expected == read(*pieces(case.data), head=case.head)


@pytest.mark.parametrize("case", by_name(SMALL))
def test_an_answer_cut_in_two_anywhere_reads_the_same(case: Case) -> None:
    """Where the network cuts an answer makes no difference."""
    results = {read(case.data[:at], case.data[at:], head=case.head) for at in range(1, len(case.data))}

    assert results <= {case.expected}


@pytest.mark.parametrize("case", by_name(CORPUS))
def test_an_answer_byte_by_byte_reads_the_same(case: Case) -> None:
    """One byte at a time makes no difference."""
    assert case.expected == read(*pieces(case.data, 1), head=case.head)


@pytest.mark.parametrize("case", by_name(LARGE))
@pytest.mark.parametrize("size", [7, 100, 4096, 65_536])
def test_a_large_answer_in_pieces_reads_the_same(case: Case, size: int) -> None:
    """Limits hold however large the pieces are."""
    assert case.expected == read(*pieces(case.data, size), head=case.head)


@pytest.mark.parametrize("case", by_name(SMALL))
def test_an_answer_reads_the_same_after_any_other(case: Case) -> None:
    """What a reader keeps of one answer for the next makes no difference to what the next one says."""
    before = [
        PLAIN,
        case.data,
        PLAIN + b"\r\n",
        b"\r\n" + PLAIN,
        answer(b"Content-Length: 2", b"Set-GUID: a", body=b"ok"),
    ]
    readers = [reader for data in before if (reader := reader_after(data)) is not None]

    assert {case.expected} == {read(case.data, head=case.head, reader=reader) for reader in readers}


def test_an_answer_that_begins_as_the_one_before_is_read_to_its_own_end() -> None:
    """A head that is known already says nothing of the body that follows, nor of what follows that."""
    once = [b"12", b"1", b"123", b"12\r\n", b"\r\n"]
    head = PLAIN.removesuffix(b"ok")
    readers = [reader_after(PLAIN) for _ in once]
    expected = [
        (200, b"12", True),
        Reason.CONNECTION_CLOSED,
        (200, b"12", False),
        (200, b"12", True),
        (200, b"\r\n", True),
    ]

    assert expected == [read(head + body, reader=reader) for body, reader in zip(once, readers, strict=True)]


def test_a_known_head_is_bound_by_the_limits_of_its_own_request() -> None:
    """A head that one request may have is refused to another that allows less."""
    data = answer(CL, b"Server: " + b"a" * 200, body=b"ok")
    large, small = AnswerLimits(), AnswerLimits(headers=100)

    assert [(200, b"ok", True), Reason.HEAD_TOO_LARGE] == [
        read(data, limits=limits, reader=reader_after(data)) for limits in (large, small)
    ]


def texts_of(reader: Reader | None) -> list[str | bytes]:
    """Give every text that a reader keeps alive."""
    seen: dict[int, object] = {}
    pending: list[object] = [reader]
    while pending:
        one = pending.pop()
        if id(one) not in seen and not isinstance(one, type | ModuleType):
            seen[id(one)] = one
            pending += gc.get_referents(one)
    return [one for one in seen.values() if isinstance(one, str | bytes)]


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, SystemExit])
def test_whatever_is_raised_by_who_is_told_of_a_head_is_a_fault(known: bool, error: type[BaseException]) -> None:
    """The same whether the head was read anew or is known; and the connection serves nobody again."""
    reader = reader_after(PLAIN) if known else Reader()
    assert reader is not None

    def fail(_: AnswerHead) -> None:
        raise error

    reader.begin(bodiless=False, limits=AnswerLimits(), on_head=fail, on_data=lambda _: None)
    with pytest.raises(Fault) as raised:
        reader.feed(PLAIN)

    assert (Reason.INTERNAL, error.__name__, False) == (raised.value.reason, raised.value.detail, reader.reusable)


def test_nobody_who_is_told_of_a_head_can_change_that_of_the_next_answer() -> None:
    """A head that answers share is frozen, whatever a strategy of the application's tries."""
    reader = reader_after(PLAIN)

    def change(head: AnswerHead) -> None:
        with pytest.raises(AttributeError):
            head.status = 500  # type: ignore[misc]  # as who has no type checker would
        with pytest.raises(AttributeError):
            head.headers = []  # type: ignore[misc]  # the same
        assert isinstance(head.headers, tuple)

    assert reader is not None
    reader.begin(bodiless=False, limits=AnswerLimits(), on_head=change, on_data=lambda _: None)
    reader.feed(PLAIN)
    reader.forget()

    assert (200, b"ok", True) == read(PLAIN, reader=reader)


@pytest.mark.parametrize("name", ["Set-GUID", "Set-Cookie", "X-Subject-Token", "Location"])
def test_no_credential_of_an_answer_is_kept_for_the_next(name: str) -> None:
    """An idle connection keeps nothing of a head that may hold a secret, or belongs to one caller alone."""
    canary = "canary-7f3a"
    texts = texts_of(reader_after(answer(CL, f"{name}: {canary}".encode(), body=b"ok")))

    assert texts
    assert [] == [one for one in texts if canary in (one if isinstance(one, str) else one.decode("latin-1"))]


def test_no_large_head_is_kept_for_the_next() -> None:
    """A thousand idle connections cost little, however much a server has to say of itself."""
    kept = [
        sum(map(len, texts_of(reader_after(answer(CL, b"Server: " + b"a" * size, body=b"ok")))))
        for size in (500, 10_000)
    ]

    assert 0 == kept[1] < 500 < kept[0]


def test_a_line_break_that_comes_with_the_end_of_an_answer_is_read_over() -> None:
    """The one place where the cut matters: a line break in the same piece is grammar, a later one is rubbish."""
    assert [(200, b"ok", True), (200, b"ok", False)] == [read(PLAIN + b"\r\n"), read(PLAIN, b"\r\n")]


def feed(reader: Reader, cut: list[bytes]) -> None:
    """Feed a reader piece by piece."""
    for piece in cut:
        reader.feed(piece)


def heads_of(*cut: bytes) -> list[list[tuple[str, str]]]:
    """Read an answer, and give the headers of every head that was told."""
    heads: list[AnswerHead] = []
    reader = Reader()
    reader.begin(bodiless=False, limits=AnswerLimits(), on_head=heads.append, on_data=lambda _: None)
    for piece in cut:
        reader.feed(piece)
    return [list(head.headers) for head in heads]


def test_headers_come_in_order_with_names_in_lower_case_and_values_without_blanks_around() -> None:
    """Every header is kept, also one that comes twice or is empty; blanks around a value are no part of it."""
    data = answer(b"Set-GUID: \t a b \t", b"X-Empty:", b"Set-Guid: c", b"Content-Length: 0")
    expected = [("set-guid", "a b"), ("x-empty", ""), ("set-guid", "c"), ("content-length", "0")]

    assert [expected] == heads_of(data)
    assert [expected] == heads_of(*pieces(data, 1))


def test_the_final_head_alone_is_told_and_trailers_are_no_headers() -> None:
    """Headers of interim answers and trailers never mix with those of the answer."""
    interim = answer(b"X-Interim: 1", status=b"HTTP/1.1 103 X")

    assert [[("transfer-encoding", "chunked")]] == heads_of(interim + chunked(b"0\r\nX-Trailer: 1\r\n\r\n"))


def test_one_reader_reads_answer_after_answer() -> None:
    """A connection's reader starts anew with each request."""
    reader = Reader()
    bodies: list[bytes] = []
    for body in (b"one", b"two", b"three"):
        reader.begin(bodiless=False, limits=AnswerLimits(), on_head=lambda _: None, on_data=bodies.append)
        reader.feed(answer(b"Content-Length: %d" % len(body), body=body))
        assert (True, True) == (reader.complete, reader.reusable)

    assert [b"one", b"two", b"three"] == bodies


def test_whatever_takes_the_body_may_refuse_it() -> None:
    """A fault of whoever bounds the body ends the reading as it is, any other error as INTERNAL."""

    def refuse(_: bytes) -> None:
        raise Fault(Reason.BODY_TOO_LARGE)

    def fail(_: bytes) -> None:
        raise ZeroDivisionError

    reasons = []
    for take in (refuse, fail):
        for reader in (Reader(), reader_after(PLAIN)):
            assert reader is not None
            reader.begin(bodiless=False, limits=AnswerLimits(), on_head=lambda _: None, on_data=take)
            with pytest.raises(Fault) as caught:
                reader.feed(PLAIN)
            reasons.append((caught.value.reason, reader.reusable))

    assert [*[(Reason.BODY_TOO_LARGE, False)] * 2, *[(Reason.INTERNAL, False)] * 2] == reasons


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param((answer(b"Transfer-Encoding: chunked") + b"0\r\nT: ", b"a" * 4096), id="one trailer"),
        pytest.param((answer(b"Transfer-Encoding: chunked") + b"0\r\n", b"T: a\r\n" * 600), id="trailers"),
        pytest.param((answer(b"Transfer-Encoding: chunked") + b"2;", b"a" * 4096), id="chunk extension"),
        pytest.param((b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096), id="header"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", b"X: a\r\n" * 600), id="headers"),
        pytest.param((b"HTTP/1.1 200 ", b"a" * 4096), id="phrase"),
        pytest.param((b"", b"\r\n" * 2048), id="line breaks"),
        pytest.param((b"", answer(status=b"HTTP/1.1 103 X") * 100), id="interim answers"),
    ],
)
def test_what_has_no_end_is_cut_off_within_bounded_memory(endless: tuple[bytes, bytes]) -> None:
    """Nothing that is no body can go on for ever, or fill the memory."""
    reader = Reader()
    reader.begin(bodiless=False, limits=AnswerLimits(), on_head=lambda _: None, on_data=lambda _: None)
    tracemalloc.start()
    try:
        with pytest.raises(Fault) as caught:
            feed(reader, [piece for piece in (endless[0], *[endless[1]] * 1000) if piece])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert caught.value.reason in (Reason.HEAD_TOO_LARGE, Reason.TOO_MANY_INTERIM_ANSWERS)
    assert peak < 1_000_000


ARGUMENTS = (
    st.sampled_from(range(len(CORPUS))),
    st.lists(st.builds(Mutation, *[st.integers(0, 2**32 - 1)] * 3), max_size=8),
    st.lists(st.integers(0, 100_000), max_size=4),
    st.booleans(),
)


def read_alike(number: int, mutations: list[Mutation], cuts: list[int], head: bool) -> None:
    """Read a mutated answer whole and cut, and see that both give the same, but for a limit reached within a piece."""
    data = mutated(CORPUS[number].data, mutations)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    whole = outcome_of([data], head)
    cut = outcome_of([data[start:end] for start, end in itertools.pairwise(places)], head)

    assert whole == cut or Reason.HEAD_TOO_LARGE in (whole, cut)
    assert differs_after(CORPUS[number].data, data, head) == ""


@given(*ARGUMENTS)
def test_no_mutated_answer_raises_anything_but_a_fault(
    number: int, mutations: list[Mutation], cuts: list[int], head: bool
) -> None:
    """Whatever comes is an answer within its limits or a fault, and the same however it is cut."""
    read_alike(number, mutations, cuts, head)
