"""Answers changed at random: by hypothesis, or, a hundred times as fast, by a seed."""

from __future__ import annotations

import random

from attrs import frozen

from aiocc.delivery import Reason
from aiocc.protocol.inflate import Body
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Fault
from aiocc.transport.reader import Reader

LIMITS = AnswerLimits(body=4096, headers=8192)
DICTIONARY = (
    b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b":", b",", b";", b"-", b"0", b"1", b"9" * 20, b"ffffffff", b"\xff",
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 ", b"HTTP/1.1 103 X\r\n\r\n", b"Content-Length: 2\r\n",
    b"Content-Length: 5000\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n",
    b"Connection: close\r\n", b"Connection: upgrade\r\n", b"Upgrade: x\r\n", b"\r\n\r\n", b"0\r\n\r\n",
    b"2\r\nok\r\n", b"101", b"204", b"304", b"999", b"100", b"a" * 9000,
)  # fmt: skip


@frozen
class Mutation:
    """What is changed, where, and by what: any numbers, taken modulo what there is."""

    kind: int
    place: int
    value: int


def mutated(data: bytes, mutations: list[Mutation]) -> bytes:
    """Change an answer."""
    changed = bytearray(data)
    for one in mutations:
        place = one.place % (len(changed) + 1)
        word = DICTIONARY[one.value % len(DICTIONARY)]
        match one.kind % 7:
            case 0:
                changed[place : place + 1] = bytes([one.value % 256])
            case 1:
                changed[place:place] = word
            case 2:
                del changed[place : place + 1 + one.value % 32]
            case 3:
                changed[place : place + len(word)] = word
            case 4:
                changed[place:place] = changed[place : place + 1 + one.value % 64]
            case 5:
                del changed[place:]
            case _:
                changed += data[: one.value % (len(data) + 1)]
    return bytes(changed)


def by_seed(corpus: list[bytes], rng: random.Random) -> tuple[bytes, bytes]:
    """Give an answer of the corpus, and what it becomes, changed as the seed says."""
    draw = rng.getrandbits
    mutations = [Mutation(draw(8), draw(24), draw(16)) for _ in range(1 + draw(2))]
    chosen = corpus[draw(16) % len(corpus)]
    return chosen, mutated(chosen, mutations)


Result = tuple[int, bytes] | Reason


def outcome_of(pieces: list[bytes], head: bool, reader: Reader | None = None) -> Result:
    """Read an answer in these pieces; whatever is no `Fault` passes through, and so does a broken promise."""
    heads: list[int] = []
    body = Body(codings=[], declared=None, limit=LIMITS.body)
    reader = reader or Reader()

    def take(data: bytes) -> None:
        assert heads, "a piece of the body before its head"
        body.feed(data)

    reader.begin(bodiless=head, limits=LIMITS, on_head=lambda head: heads.append(head.status), on_data=take)
    try:
        for piece in pieces:
            if piece:
                reader.feed(piece)
        reader.eof()
    except Fault as fault:
        if reader.reusable or fault.reason is Reason.INTERNAL:
            raise AssertionError(f"{fault.reason} {fault.detail}, reusable: {reader.reusable}") from fault
        return fault.reason
    if not reader.complete or len(heads) != 1:
        raise AssertionError(f"{len(heads)} heads, complete: {reader.complete}")
    return heads[0], body.finish()


def reader_after(data: bytes) -> Reader | None:
    """Give a reader that has read this answer in one piece, None where it may read no other after it."""
    reader = Reader()
    reader.begin(bodiless=False, limits=LIMITS, on_head=lambda _: None, on_data=lambda _: None)
    try:
        reader.feed(data)
    except Fault:
        return None
    reader.forget()
    return reader if reader.complete and reader.reusable else None


def differs_after(before: bytes, data: bytes, head: bool) -> str:
    """Say how an answer reads otherwise after another on the same reader; empty where it does not."""
    reader = reader_after(before)
    if reader is None:
        return ""
    alone, after = outcome_of([data], head), outcome_of([data], head, reader)
    return "" if alone == after else f"{after!r} after {before[:200]!r}, {alone!r} alone"


def ends_by_itself(data: bytes) -> bool:
    """Whether an answer needs no end of the stream to be over, or to be refused."""
    reader = Reader()
    reader.begin(bodiless=False, limits=LIMITS, on_head=lambda _: None, on_data=lambda _: None)
    try:
        reader.feed(data)
    except Fault:
        return True
    return reader.complete
