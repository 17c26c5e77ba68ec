"""Failing fast for a host that keeps refusing connections."""

import pytest

from aiocc.delivery import Reason
from aiocc.protocol.breaker import REFUSALS, THRESHOLD, Breaker, State
from aiocc.protocol.messages import Fault, Wire


def tripped(now: float = 0.0) -> Breaker:
    """Give a breaker that has just opened."""
    breaker = Breaker()
    for _ in range(THRESHOLD):
        breaker.refused(now)
    return breaker


def said(breaker: Breaker, now: float) -> str | None:
    """Say why an attempt may not go, None where it may."""
    if not breaker.refuses(now):
        breaker.check(now)
        return None
    with pytest.raises(Fault) as caught:
        breaker.check(now)
    return f"{caught.value.reason}: {caught.value.detail}"


def test_opens_after_refusals_in_a_row():
    """Four refusals are borne, the fifth opens it."""
    breaker = Breaker()
    states = []
    for _ in range(6):
        states.append((breaker.refusals, breaker.tripped, breaker.state(0.0), breaker.refuses(0.0)))
        breaker.refused(0.0)

    closed, opened = (False, State.CLOSED, False), (True, State.OPEN, True)
    assert [(number, *(closed if number < 5 else opened)) for number in range(6)] == states


def test_one_connection_makes_it_forget():
    """A connection between two refusals begins the count anew."""
    breaker = Breaker()
    for _ in range(4):
        breaker.refused(0.0)
    breaker.connected()
    for _ in range(4):
        breaker.refused(0.0)

    assert (4, State.CLOSED, False) == (breaker.refusals, breaker.state(0.0), breaker.refuses(0.0))


def test_pause_then_a_probe():
    """An open one lets nothing go for a second, then one attempt, and no second one beside it."""
    breaker = tripped(now=10.0)
    states = [(breaker.state(now), breaker.refuses(now)) for now in (10.0, 10.999, 11.0)]
    probe = Wire()
    breaker.begin_probe(probe)
    states.append((breaker.state(11.0), breaker.refuses(11.0)))
    breaker.end_probe(Wire())
    states.append((breaker.state(11.0), breaker.refuses(11.0)))
    breaker.end_probe(probe)
    states.append((breaker.state(11.0), breaker.refuses(11.0)))

    opened, half = State.OPEN, State.HALF_OPEN
    assert [(opened, True), (opened, True), (half, False), (half, True), (half, True), (half, False)] == states


@pytest.mark.parametrize(
    ("now", "probing", "expected"),
    [
        (0.0, False, "host keeps refusing connections: 5 connections refused in a row, the next try is in 1.0 s"),
        (0.75, False, "host keeps refusing connections: 5 connections refused in a row, the next try is in 0.2 s"),
        (1.0, False, None),
        (2.0, True, "host keeps refusing connections: 5 connections refused in a row, one try is on its way"),
    ],
)
def test_says_when_it_will_try(now, probing, expected):
    """Who is refused hears how often the host refused, and when the next try is."""
    breaker = tripped()
    if probing:
        breaker.begin_probe(Wire())

    assert expected == said(breaker, now)


def test_closed_lets_everything_go():
    """A closed one has nothing to say."""
    assert (None, 0.0) == (said(Breaker(), 0.0), Breaker().left(5.0))


def test_a_probe_that_connects_closes_it():
    """After a probe that got a connection everything goes, and the next outage begins with a short pause."""
    breaker = tripped()
    breaker.begin_probe(Wire())
    breaker.connected()
    closed = (breaker.state(0.0), breaker.refuses(0.0), breaker.refusals)
    for _ in range(THRESHOLD):
        breaker.refused(100.0)

    assert ((State.CLOSED, False, 0), 1.0) == (closed, breaker.left(100.0))


def test_a_probe_whose_answer_is_to_come_closes_it():
    """As soon as the probe's request leaves, the host is known to take connections: nobody waits for its answer."""
    breaker, probe = tripped(), Wire()
    breaker.begin_probe(probe)
    before = breaker.refuses(1.0)
    probe.left = True

    assert (True, False, State.CLOSED, 0) == (before, breaker.refuses(1.0), breaker.state(1.0), breaker.refusals)


@pytest.mark.parametrize("left", [True, False])
def test_the_end_of_a_probe_says_whether_it_connected(left):
    """A probe that ends with a request that left has closed it, also where nobody looked in the meantime."""
    breaker, probe = tripped(), Wire()
    breaker.begin_probe(probe)
    probe.left = left
    breaker.end_probe(probe)

    assert (not left, 0 if left else 5) == (breaker.tripped, breaker.refusals)


def test_no_probe_is_left_over():
    """After a connection nothing of a probe remains: the next outage begins with a pause and its own probe."""
    breaker = tripped()
    breaker.connected()
    for _ in range(THRESHOLD):
        breaker.refused(50.0)

    assert (True, False) == (breaker.refuses(50.5), breaker.refuses(51.0))


def test_pauses_double():
    """Each probe that is refused doubles the pause, up to half a minute."""
    breaker, now = tripped(), 0.0
    pauses = []
    for _ in range(7):
        pauses.append(breaker.left(now))
        now += breaker.left(now)
        probe = Wire()
        breaker.begin_probe(probe)
        breaker.refused(now)
        breaker.end_probe(probe)

    assert [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == pauses


def test_what_was_on_its_way_changes_no_pause():
    """Refusals of attempts that had begun before it opened neither lengthen the pause nor count as probes."""
    breaker = tripped(now=0.0)
    for _ in range(50):
        breaker.refused(0.5)

    assert (0.5, State.HALF_OPEN) == (breaker.left(0.5), breaker.state(1.0))


def test_wrong_certificates_do_not_count():
    """What says more than "it refuses" is told each time."""
    assert set() == REFUSALS & {Reason.CERTIFICATE_EXPIRED, Reason.DNS_FAILURE, Reason.DEADLINE, Reason.READ_TIMEOUT}
