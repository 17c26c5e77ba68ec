"""Faults that are answers of their own: statuses, refusals, front ends, redirects; and a changed world."""

from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from aiocc.simulator.answers import Answer, json_answer, text_answer
from aiocc.simulator.faults.kind import Effect, Kind, Stage, kind_of

if TYPE_CHECKING:
    from aiocc.simulator.centre import Centre

__all__ = ["KINDS"]

_answered = partial(kind_of, Stage.ANSWER)
_refused = partial(kind_of, Stage.ANSWER, effect=Effect.NEVER)
_harmless = partial(kind_of, Stage.ANSWER, effect=Effect.AS_EVER)
_world = partial(kind_of, Stage.WORLD, effect=Effect.AS_EVER)
_late = partial(kind_of, Stage.TIME, effect=Effect.AS_EVER)

PAGE = b"<html><head><title>%d</title></head><body><center><h1>%d</h1></center></body></html>"
ELSEWHERE = "http://127.0.0.1:9/elsewhere"
LIMIT_TEXT = "The throttling threshold has been reached: policy api over ratelimit,limit:1,time:"


def html_page(status: int) -> Answer:
    """Write the page of a front end."""
    return Answer(status, PAGE % (status, status), (("Content-Type", "text/html"),), reason="fault")


@_answered("45")
def bad_gateway(_: Answer) -> Answer:
    """A front end answers 502."""
    return html_page(502)


@_answered("45")
def gateway_timeout(_: Answer) -> Answer:
    """A front end answers 504."""
    return html_page(504)


@_answered("59", retry_after="0")
def unavailable(_: Answer, *, retry_after: str) -> Answer:
    """A front end answers 503 with `retry_after`."""
    return html_page(503).with_headers((("Retry-After", retry_after),))


@_answered("45")
def server_error(_: Answer) -> Answer:
    """The status is 500, with a page."""
    return html_page(500)


@_answered("45")
def request_timeout(_: Answer) -> Answer:
    """The status is 408."""
    return text_answer(408, "fault")


@_answered("52", location=ELSEWHERE)
def redirect_301(_: Answer, *, location: str) -> Answer:
    """A 301 leads to `location`."""
    return text_answer(301, "fault", (("Location", location),))


@_answered("52", location=ELSEWHERE)
def redirect_302(_: Answer, *, location: str) -> Answer:
    """A 302 leads to `location`."""
    return text_answer(302, "fault", (("Location", location),))


@_answered("52", location=ELSEWHERE)
def redirect_303(_: Answer, *, location: str) -> Answer:
    """A 303 leads to `location`."""
    return text_answer(303, "fault", (("Location", location),))


@_refused("52", location=ELSEWHERE)
def redirect_307(_: Answer, *, location: str) -> Answer:
    """A 307 leads to `location`."""
    return text_answer(307, "fault", (("Location", location),))


@_refused("52", location=ELSEWHERE)
def redirect_308(_: Answer, *, location: str) -> Answer:
    """A 308 leads to `location`."""
    return text_answer(308, "fault", (("Location", location),))


@_harmless("53")
def set_cookie(answer: Answer) -> Answer:
    """The answer sets a cookie."""
    return answer.with_headers((("Set-Cookie", "tracker=1; Path=/"),))


@_refused("54")
def unauthorized(_: Answer) -> Answer:
    """The credential is refused with 401."""
    return text_answer(401, "fault")


@_refused("56")
def forbidden(_: Answer) -> Answer:
    """The service refuses with 403 in JSON."""
    return json_answer({"errorCode": "0", "exceptionInfo": "auth fail!"}, status=403, code="0", reason="fault")


@_refused("56")
def firewall(_: Answer) -> Answer:
    """A firewall in front answers 403 in HTML."""
    return html_page(403)


@_refused("56")
def not_found(_: Answer) -> Answer:
    """The status is 404."""
    return text_answer(404, "fault")


@_refused("59", retry_after="0")
def rate_limited(_: Answer, *, retry_after: str) -> Answer:
    """The status is 429, with `retry_after`: seconds, a date, or anything else."""
    return text_answer(429, "fault", (("Retry-After", retry_after),))


@_refused("61", window="1 second")
def gateway_limit(_: Answer, *, window: str) -> Answer:
    """Huawei's API gateway answers 429 with APIG.0308, for a limit of one call in the `window`."""
    content = {"error_code": "APIG.0308", "error_msg": LIMIT_TEXT + window}
    return json_answer(content, status=429, code="APIG.0308", reason="fault")


@_answered("62")
def success_under_500(answer: Answer) -> Answer:
    """The envelope says yes, and the status is 500."""
    return evolve(answer, status=500)


@_late("20", seconds=0.02)
def delay(seconds: float) -> tuple[float, float]:
    """The answer comes `seconds` late."""
    return 0.0, seconds


@_late("20", seconds=0.02)
def late_effect(seconds: float) -> tuple[float, float]:
    """The request is only judged, and has its effect, after `seconds`; the client may be gone by then."""
    return seconds, 0.0


@_world("54")
def expired_credential(centre: "Centre") -> None:
    """Every bearer token and every visitor's token have just expired."""
    centre.bearer.expire_all()
    centre.visitors.expire_all()


@_world("56")
def signed_out(centre: "Centre") -> None:
    """The agent has just been signed out."""
    centre.agents.sign_out(centre.world.agent_id)


@_world("58", seconds=1800.0)
def clock_skew(centre: "Centre", *, seconds: float) -> None:
    """The service's clock is `seconds` ahead of the host's."""
    centre.clock.reset()
    centre.clock.advance(seconds)


KINDS: tuple[Kind, ...] = tuple(value for value in tuple(globals().values()) if isinstance(value, Kind))
