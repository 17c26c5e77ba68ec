"""What repeats are paid from: a quota for the service, and one for each credential that was throttled."""

from __future__ import annotations

from attrs import define, field, frozen

from aiocc.auth.by_identity import ByIdentity
from aiocc.auth.strategy import Strategy
from aiocc.protocol.quota import QUOTA, RetryQuota
from aiocc.protocol.retry import Ended


@frozen(eq=False)
class Payment:
    """What a repeat has cost, to be given back when it leads to an answer."""

    quota: RetryQuota
    tokens: int

    def give_back(self) -> None:
        """Return it."""
        self.quota.give_back(self.tokens)


@define(eq=False)
class Budget:
    """The quotas of one service.

    An outage is the service's, so what it costs is charged to the service, whoever the callers are: thousands of
    visitors bring no more repeats than one. To be throttled is a credential's, and takes nothing from the others.

    Attributes:
        service: What repeats after transient faults are charged to.
        owes: Whether anything may have to be given back: `answered` has something to do.
    """

    service: RetryQuota = field(factory=RetryQuota)
    owes: bool = False
    _credentials: ByIdentity[RetryQuota] = field(factory=ByIdentity)

    def pay(self, ended: Ended, strategy: Strategy | None) -> Payment | None:
        """Pay for the repeat of an attempt; None where the quota is used up."""
        quota = self.service
        if ended.throttled and strategy is not None:
            quota = self._credentials.get(strategy) or self._credentials.set(strategy, RetryQuota())
        if not quota.take(ended.cost):
            return None
        self.owes = True
        return Payment(quota, ended.cost)

    def answered(self, strategy: Strategy | None, paid: Payment | None) -> None:
        """The service has answered: what the last repeat has cost comes back, or a token for a call without one."""
        if paid is not None:
            paid.give_back()
        elif self.service.left < QUOTA:
            self.service.give_back(1)
        if strategy is not None:
            quota = self._credentials.get(strategy)
            if quota is not None and (paid is None or paid.quota is not quota):
                quota.give_back(1)
        self.owes = self.service.left < QUOTA or len(self._credentials) > 0
