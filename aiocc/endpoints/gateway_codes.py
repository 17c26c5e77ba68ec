"""The general return codes of CC-Gateway.

https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0580.html, and the string table of
Huawei/CloudIPCC_QuickAgentDemo_CSharp where a code's source is "code".
"""

from __future__ import annotations

from aiocc.delivery import Delivery
from aiocc.protocol.codes import ASK, Act, Code, code_table

_OPEN = Delivery.UNKNOWN
_ARGUMENTS = "Correct the arguments; the description may say which."
_LOCKED = "Have the operator unlock it."

GATEWAY_CODES = code_table(
    [
        Code("000-000", "Unknown error.", _OPEN),
        Code("000-001", "Wrong way of fetching events.", remedy="Sign the agent in without callBackUri, and poll it."),
        Code("000-002", "Wrong URL, parameter or address.", remedy="Check the gateway's URL and the arguments."),
        Code("000-003", "No permission, or the authentication is no longer valid.", act=Act.RENEW),
        Code(
            "000-004",
            "The agent is being switched over.",
            act=Act.WAIT_AND_REPEAT,
            remedy="Wait a moment, then send it again.",
        ),
        Code("000-005", "This cannot be done to oneself.", remedy="Name another agent."),
        Code("000-006", "Error in the message's parameters.", remedy=_ARGUMENTS),
        # It may be the echo of a first one that worked.
        Code("000-007", "Repeated call.", _OPEN),
        Code("100-001", "A parameter is empty or invalid.", remedy=_ARGUMENTS),
        Code(
            "100-002",
            "The agent is signed in already.",
            remedy="Sign in with force='if_signed_in', which ends the session that the agent has.",
        ),
        Code("100-003", "A resource or provider is not available.", _OPEN),
        Code("100-004", "Wrong agent or password.", remedy="Check agent id and password."),
        Code("100-005", "Invalid sign-out parameter.", remedy=ASK),
        Code("100-006", "The agent is not signed in, or the GUID is not its own.", act=Act.RENEW),
        Code("100-007", "Internal exception of the gateway.", _OPEN),
        Code("100-008", "Signed out already.", remedy="There is nothing left to sign out."),
        Code("100-009", "The agent's state could not be set.", remedy="Try again when the agent's state allows it."),
        Code("100-010", "The agent's state does not allow signing out.", remedy="End the agent's call first."),
        Code("100-011", "Invalid sign-in parameter.", remedy=_ARGUMENTS),
        Code("100-012", "Invalid agent type.", remedy="Give agent_type=4 for PC and phone, 11 for video."),
        Code("100-013", "The phone number cannot be bound.", remedy="Give another phone=, or ask the operator."),
        Code("100-014", "The phone number is outside the configured range.", remedy="Give a phone= within that range."),
        Code(
            "100-015",
            "Signed in elsewhere, and that session cannot be forced out.",
            remedy="Sign the agent out where it is signed in.",
        ),
        Code("100-016", "Invalid IP address at sign-in.", remedy="Correct ip= or entry_ip=."),
        Code("100-060", "Account problem.", source="code", remedy=ASK),
        Code("100-061", "The account is locked.", source="code", remedy=_LOCKED),
        Code("100-062", "Wrong password.", source="code", remedy="Check the agent's password."),
        Code("110-016", "The account is locked.", source="code", remedy=_LOCKED),
    ],
    page="https://support.huaweicloud.com/intl/en-us/api-cec/cec_07_0580.html",
)
