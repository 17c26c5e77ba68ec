"""A contact centre on the loopback: the four services on real sockets with TLS, strict, with a ledger.

    with Simulator() as sim:            # `async with` on asyncio and trio; or sim.start() and sim.stop()
        client = ...                    # whatever speaks HTTP; sim.environment has addresses and credentials
        assert sim.calls_placed == 1    # what happened, whatever the client thinks

It imports nothing of aiocc outside this package, so that a mistake shared with the client cannot pass.

Each request is checked in this order: path (404), method (405), length (413), content type (415), credential,
body, arguments. An effect, its record and a reset are atomic with regard to each other.

**What no page says, and the simulator decides**

+--------------------------------------+--------------------------------------------------------------------+
| question                             | decision                                                           |
+======================================+====================================================================+
| **any service**                      |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| unknown path, path of another        | 404, plain text; nothing is redirected                             |
| service, trailing slash, other case  |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| wrong method, HEAD and OPTIONS among | 405 with `Allow`, plain text                                       |
| them                                 |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| body over 1 MiB                      | read to its end and dropped, then 413                              |
+--------------------------------------+--------------------------------------------------------------------+
| Content-Type missing, twice, or      | 415, plain text; media type and charset regardless of case.        |
| another                              | `charset=UTF-8` is required by webadapter, gateway and isales (GET |
|                                      | too), optional at fabric                                           |
+--------------------------------------+--------------------------------------------------------------------+
| body not strict JSON in UTF-8, not   | a parameter error of that operation; fabric: 400 with errorCode    |
| an object, or a name twice in it     | "0". NaN and Infinity are not strict JSON                          |
+--------------------------------------+--------------------------------------------------------------------+
| a text with a lone surrogate         | a parameter error of that operation                                |
+--------------------------------------+--------------------------------------------------------------------+
| extra fields, query parameters,      | ignored                                                            |
| headers                              |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| request broken off before its end    | no effect; in the ledger with status 0                             |
+--------------------------------------+--------------------------------------------------------------------+
| bytes that are no HTTP request       | 400; in the ledger without method and operation                    |
+--------------------------------------+--------------------------------------------------------------------+
| lengths in "characters"              | Unicode code points                                                |
+--------------------------------------+--------------------------------------------------------------------+
| **webadapter**                       |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| cookie missing, twice, unknown or    | 401, plain text "Unauthorized". `Cookie` must follow RFC 6265; the |
| expired; `Cookie` malformed or twice | token as a header of its own counts for nothing                    |
+--------------------------------------+--------------------------------------------------------------------+
| tokens of one visitor                | one, the newest; it lives an hour                                  |
+--------------------------------------+--------------------------------------------------------------------+
| expired token in a live session      | 401; with `renew_visitor_tokens` it serves once more, the answer   |
|                                      | brings the new one in `ccmessaging-token`, and then the old one is |
|                                      | unknown                                                            |
+--------------------------------------+--------------------------------------------------------------------+
| resultCode beside returnCode "3"     | "0" (`parameter_error_result_code`)                                |
+--------------------------------------+--------------------------------------------------------------------+
| length of phoneNo and leaveMessage   | any, from 1 character                                              |
+--------------------------------------+--------------------------------------------------------------------+
| web channel not configured           | leave message: resultCode "13" beside returnCode "0";              |
|                                      | click-to-dial: "7"                                                 |
+--------------------------------------+--------------------------------------------------------------------+
| mediaAbility neither "0" nor "1"     | resultCode "13", "connect failed"                                  |
+--------------------------------------+--------------------------------------------------------------------+
| event ids of a click-to-dial call    | 168100 waiting, 168102 disconnected, 168103 given up in the queue, |
|                                      | beside the published 168101                                        |
+--------------------------------------+--------------------------------------------------------------------+
| dropping without a call              | success                                                            |
+--------------------------------------+--------------------------------------------------------------------+
| click-to-dial without a session      | needs none but the token                                           |
+--------------------------------------+--------------------------------------------------------------------+
| **gateway**                          |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| Guid missing or twice                | 000-003                                                            |
+--------------------------------------+--------------------------------------------------------------------+
| Guid of another agent, or a former   | 100-006                                                            |
| one after its grace; agent signed    |                                                                    |
| out                                  |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| agent id in the path not a number of | 000-002                                                            |
| an existing agent, or with a leading |                                                                    |
| zero                                 |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| former Guid within its grace         | accepted; the new one is announced once, on the next answer to     |
|                                      | either                                                             |
+--------------------------------------+--------------------------------------------------------------------+
| receiver exists but is not signed in | success; the note is kept as not delivered and never comes into    |
|                                      | the inbox                                                          |
+--------------------------------------+--------------------------------------------------------------------+
| receiver does not exist (101 to      | 100-001, and nobody gets the note                                  |
| 999999 do)                           |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| agentIds empty, over 100, not an     | 100-001, and nobody gets the note                                  |
| array, or with anything but JSON     |                                                                    |
| integers                             |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| the same receiver twice in a note    | delivered twice                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| the sender among the receivers       | delivered                                                          |
+--------------------------------------+--------------------------------------------------------------------+
| password and phone number            | one password for all (`agent_password`); any number that matches   |
|                                      | `phones`, else 100-014                                             |
+--------------------------------------+--------------------------------------------------------------------+
| forced sign-in of nobody             | a plain sign-in                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| sessions of agents signed in from    | need no polls, keep their GUID, get no events                      |
| the beginning, or by `sign_in`       |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| events of a sign-in                  | AgentState_Ready, or AgentState_Busy without `autoenteridle`       |
+--------------------------------------+--------------------------------------------------------------------+
| a poll whose client goes away        | takes no event                                                     |
+--------------------------------------+--------------------------------------------------------------------+
| content                              | required, 0 to 1023 bytes of UTF-8, else 100-001                   |
+--------------------------------------+--------------------------------------------------------------------+
| **isales**                           |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| signature wrong in any way           | 401, plain text "Unauthorized"; the ledger alone says why          |
+--------------------------------------+--------------------------------------------------------------------+
| skew and repetition                  | 15 minutes to either side (`clock_skew`); the same signature may   |
|                                      | come again                                                         |
+--------------------------------------+--------------------------------------------------------------------+
| time stamp                           | UTC, in seconds or with three digits of milliseconds               |
+--------------------------------------+--------------------------------------------------------------------+
| signed headers                       | any set in lower case and in order, with `host`, without           |
|                                      | `authorization`, each once in the request; values are trimmed      |
+--------------------------------------+--------------------------------------------------------------------+
| path and query in the signature      | percent-decoded, `+` in a query is a space; no line for a missing  |
|                                      | query (`c2_blank_query_line`)                                      |
+--------------------------------------+--------------------------------------------------------------------+
| parameter missing or empty           | 02000001                                                           |
+--------------------------------------+--------------------------------------------------------------------+
| parameter no decimal integer         | 02000006                                                           |
+--------------------------------------+--------------------------------------------------------------------+
| parameter out of range               | 02000007                                                           |
+--------------------------------------+--------------------------------------------------------------------+
| parameter twice; `locale` neither    | 0200001; else `locale` changes nothing, descriptions are English   |
| zh_CN nor en_US                      |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| fields of a failure                  | both pairs of code and description, HTTP 200, no list, no total    |
+--------------------------------------+--------------------------------------------------------------------+
| VDN without codes, page past the end | success with an empty list                                         |
+--------------------------------------+--------------------------------------------------------------------+
| **fabric**                           |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| wrong app_key or app_secret          | 403, errorCode "0", another text than for a bad token              |
+--------------------------------------+--------------------------------------------------------------------+
| X-APP-Key missing or another         | 403, errorCode "0", another text than for a bad token              |
+--------------------------------------+--------------------------------------------------------------------+
| bearer token missing, unknown or     | 403 with the documented text (`expired_token_status` for 401)      |
| expired                              |                                                                    |
+--------------------------------------+--------------------------------------------------------------------+
| the word before the token            | `Bearer` in this spelling, and one space                           |
+--------------------------------------+--------------------------------------------------------------------+
| a new token                          | revokes no other                                                   |
+--------------------------------------+--------------------------------------------------------------------+
| X-Token-Expire                       | 1 to 3600, else 400 with errorCode "0"; without it 600             |
+--------------------------------------+--------------------------------------------------------------------+
| callerPresent and callData           | may be missing, not null; may be empty                             |
+--------------------------------------+--------------------------------------------------------------------+
| resultData of a failure              | null                                                               |
+--------------------------------------+--------------------------------------------------------------------+
| gzip                                 | createcall's own envelopes, for a client that accepts it; nothing  |
|                                      | else                                                               |
+--------------------------------------+--------------------------------------------------------------------+
| applyToken                           | any channelId; failure is resultCode "1" with HTTP 200; the token  |
|                                      | is good at the webadapter                                          |
+--------------------------------------+--------------------------------------------------------------------+

**Admin.** A fifth port (`Simulator.admin_url`, same TLS) answers `GET /` with a page that shows it all
live, `GET /ledger` with the ledger as JSON, without credentials and bodies, and `POST /reset` with 204. It asks for no
credential and belongs on the loopback.
"""

from aiocc.simulator.needs import needing

with needing("starlette", "trustme", "uvicorn"):
    from aiocc.simulator.faults import FAULTS, Fault
    from aiocc.simulator.ledger import (
        ClickToDialCall,
        DeliveredNote,
        Ledger,
        LeftMessage,
        PlacedCall,
        SeenRequest,
    )
    from aiocc.simulator.simulator import Simulator
    from aiocc.simulator.world import World

__all__ = [
    "FAULTS",
    "ClickToDialCall",
    "DeliveredNote",
    "Fault",
    "Ledger",
    "LeftMessage",
    "PlacedCall",
    "SeenRequest",
    "Simulator",
    "World",
]
