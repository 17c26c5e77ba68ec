"""A Temporal activity that sends a note: `Worker(..., activities=[Notes(client).send_note])`, one client for all.

Temporal repeats what fails, so it is told what must not be repeated. An activity whose worker died is repeated as well:
where a second note does harm, let the workflow call it with `RetryPolicy(maximum_attempts=1)`.
"""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from aiocc import CallError, Client, Delivery


class Notes:
    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def send_note(self, receivers: list[int], content: str) -> None:
        try:
            await self._client.agent().send_note(receivers, content)
        except CallError as error:
            once = error.delivery is not Delivery.NOT_SENT
            raise ApplicationError(str(error), type=error.delivery.value, non_retryable=once) from None
