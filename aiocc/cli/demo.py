"""`aiocc demo`: five operations and a fan-out, judged by the simulator's ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from attrs import define, field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from aiocc.cli.output import count
from aiocc.cli.running import until_stopped
from aiocc.client import Client
from aiocc.delivery import Delivery
from aiocc.endpoints.click_to_dial import ClickToDial, MediaAbility
from aiocc.endpoints.create_call import CreateCall
from aiocc.endpoints.leave_message import LeaveMessage
from aiocc.endpoints.obs_result_codes import QueryObsResultCodes
from aiocc.endpoints.send_note import SendNote
from aiocc.protocol.operation import Request
from aiocc.scopes.notes import Note, Report
from aiocc.simulator import Simulator

T = TypeVar("T")

FIRST_RECEIVER = 31000
RECEIVERS = 1000


@define
class Demo:
    """The run: what was compared, and whether it agreed."""

    simulator: Simulator
    console: Console
    disagreements: list[str] = field(factory=list)

    async def run(self, notes: int) -> None:
        """Perform everything and compare each step with the ledger."""
        async with Client.from_env(self.simulator.environment) as client:
            await self._operations(client)
            await self._fan_out(client, notes)

    async def _operations(self, client: Client) -> None:
        sim = self.simulator
        await self._perform(
            client, LeaveMessage(phone_no="123456", content="please call back"),
            lambda: f"{count(len(sim.messages), 'message')} left", "1 message left",
        )  # fmt: skip
        await self._perform(
            client, ClickToDial(MediaAbility.VOICE),
            lambda: count(len(sim.dials), "click-to-dial call"), "1 click-to-dial call",
        )  # fmt: skip
        await self._perform(
            client, SendNote([31002, 31003], "hello"),
            lambda: f"{count(len(sim.inbox(31002) + sim.inbox(31003)), 'note')} in inboxes", "2 notes in inboxes",
        )  # fmt: skip
        await self._perform(
            client, QueryObsResultCodes(vdn_id=1),
            lambda: f"answered {sim.requests[-1].operation} with {sim.requests[-1].code}",
            "answered obs_result_codes with 0200000",
        )  # fmt: skip
        await self._perform(
            client, CreateCall(called="88884432", caller_present="95599", call_data="demo-1"),
            lambda: f"{count(sim.calls_placed, 'call')} placed", "1 call placed",
        )  # fmt: skip

    async def _perform(self, client: Client, request: Request[T], ledger: Callable[[], str], expected: str) -> None:
        shown = client.explain(request)
        outcome = await client.send(request)
        found = ledger()
        agree = outcome.delivery is Delivery.ACCEPTED and found == expected
        self.console.print(f"[bold]{shown.operation}[/]  {shown.method} {shown.url}", highlight=False, soft_wrap=True)
        credentials = [name for name, value in shown.headers if value == "***"]
        self.console.print(f"  credential  {', '.join(credentials)}: checked by the service", highlight=False)
        if shown.body is not None:
            self.console.print(f"  sent        {shown.body}", highlight=False, markup=False, soft_wrap=True)
        came = str(outcome.error) if outcome.error else _short(outcome.result)
        self.console.print(f"  came back   {outcome.delivery}: {came}", highlight=False, markup=False, soft_wrap=True)
        self._compare(f"{found}", agree, shown.operation)

    async def _fan_out(self, client: Client, total: int) -> None:
        before = len(self.simulator.notes)
        receivers = [FIRST_RECEIVER + number % RECEIVERS for number in range(total)]
        notes = [Note([receiver], f"note {number}") for number, receiver in enumerate(receivers)]
        agents = count(len(set(receivers)), "agent")
        self.console.print(f"[bold]fan-out[/]  {count(total, 'note')} to {agents}, 16 at once", highlight=False)
        started = time.perf_counter()
        with _progress(self.console, total) as told:
            report = await client.agent().send_notes(notes, concurrency=16, on_progress=told)
        took = time.perf_counter() - started
        arrived = len(self.simulator.notes) - before
        contents = {note.content for receiver in set(receivers) for note in self.simulator.inbox(receiver)}
        missing = sum(note.content not in contents for note in notes)
        by_delivery = ", ".join(f"{count(number, 'note')} {delivery}" for delivery, number in report.receivers.items())
        self.console.print(
            f"  came back   {by_delivery} in {took:.1f} s ({total / took:,.0f} notes a second)", highlight=False
        )
        agree = report.accepted == arrived == total and not missing
        self._compare(f"{count(arrived, 'note')} in inboxes, {missing:,} missing", agree, "fan-out")

    def _compare(self, found: str, agree: bool, name: str) -> None:
        verdict = "[green]agrees[/]" if agree else "[red]DISAGREES[/]"
        self.console.print(f"  ledger      {found}: {verdict}", highlight=False)
        if not agree:
            self.disagreements.append(name)


def run(notes: int) -> int:
    """Run the demo; gives the exit code."""
    console = Console()
    with Simulator() as simulator:
        console.print("The simulator listens on loopback, over TLS:", highlight=False)
        for service in ("webadapter", "gateway", "isales", "fabric"):
            console.print(f"  {service:11} {simulator.url(service)}", highlight=False)
        demo = Demo(simulator, console)
        until_stopped(lambda: demo.run(notes))
    if demo.disagreements:
        console.print(f"[red]Client and ledger disagree about: {', '.join(demo.disagreements)}.[/]")
        return 1
    console.print("[green]Client and ledger agree on everything.[/]")
    return 0


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[Report], None]]:
    """Show a bar on a terminal, a line for each quarter where the output is piped."""
    if not console.is_terminal:
        step = max(total // 4, 1)

        def line(report: Report) -> None:
            if report.requests % step == 0 or report.requests == total:
                console.print(f"  {report.requests:,} of {count(total, 'note')} sent", highlight=False)

        yield line
        return
    columns = (
        TextColumn("  sending    "),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("notes"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)
        yield lambda report: progress.update(task, completed=report.requests)


def _short(result: object, limit: int = 160) -> str:
    text = repr(result)
    return text if len(text) <= limit else text[:limit] + "…"
