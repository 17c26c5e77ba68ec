"""A connection on asyncio and uvloop: a bare protocol, since anyio's streams cost about as much again."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl

import anyio

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Fault, Wire
from aiocc.transport.channel import Channel
from aiocc.transport.reader import OnData, OnHead
from aiocc.transport.tls_buffers import TLSBuffers
from aiocc.transport.turn import Turn


class AsyncioConnection(asyncio.BufferedProtocol):
    """One open connection; see `Connection`.

    Args:
        loop: In which it lives.
        buffer: Lent by the pool for reading: it is emptied before the loop turns to another connection.
        tls: The session over which it speaks; None for none.
        opened: The socket that the loop was given; only ever asked whether something has come.
        turn: Of the loop: when requests are handed to the socket, and callers woken.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        buffer: memoryview,
        tls: TLSBuffers | None,
        opened: socket.socket,
        turn: Turn,
    ) -> None:
        self._loop = loop
        self._clock = turn.clock
        self._turn = turn
        self._unsent = b""
        poll = select.poll()  # half a microsecond a call, a third of what a peek takes
        poll.register(opened, select.POLLIN)
        self._ask = poll.poll
        self._buffer = buffer
        self._tls = tls
        self._channel = Channel(tls)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._handshaken: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stepwise = self._progress = False
        self._room: asyncio.Event | None = None
        self._fault: Fault | None = None
        self._deadline = self._until = self._read_timeout = 0.0
        self.opened_at: float = self._clock()
        self.used_at: float = self.opened_at

    @property
    def requests(self) -> int:
        """How many it has carried."""
        return self._channel.requests

    @property
    def alive(self) -> bool:
        """Whether it may carry another request."""
        channel = self._channel
        return not channel.lost and channel.reader.reusable

    def undisturbed(self) -> bool:
        """Ask the socket: who calls again at once comes before what the loop has to tell of it."""
        return not self._ask(0)

    @property
    def complete(self) -> bool:
        """Whether the answer has ended."""
        return self._channel.complete

    def start(
        self,
        data: bytes,
        wire: Wire,
        *,
        bodiless: bool,
        limits: AnswerLimits,
        on_head: OnHead,
        on_data: OnData,
        deadline: float,
        read_timeout: float,
        stepwise: bool = False,
    ) -> bool:
        """Hand a request to the socket; false if the connection turned out to be gone, and nothing left."""
        transport = self._transport
        if transport is None or self._channel.lost or transport.is_closing():
            self._channel.lost = True
            return False
        self._deadline = deadline
        self._read_timeout = read_timeout
        self._stepwise = stepwise
        if not stepwise:
            self._waiter = self._loop.create_future()
            self._watch()
        self._channel.begin(wire, bodiless=bodiless, limits=limits, on_head=on_head, on_data=on_data)
        self._unsent = data
        if stepwise or self._turn.is_first():
            self.send()
        else:
            self._turn.send_later(self)
        return True

    def send(self) -> None:
        """Hand the request to the socket; nothing, where the connection was lost or given up meanwhile."""
        data, self._unsent = self._unsent, b""
        given_up = self._waiter is not None and self._waiter.done()
        if self._transport is None or self._channel.lost or given_up:
            return
        self._channel.leave()
        # Sealed here and not before: TLS's records must reach the socket in their order.
        self._transport.write(data if self._tls is None else self._tls.seal(data))

    def finish(self) -> asyncio.Future[None]:
        """Give what ends with the answer; awaited as it is, since a coroutine around it would cost each call."""
        assert self._waiter is not None
        return self._waiter

    async def advance(self) -> None:
        """Wait until more of the answer has come, or its end."""
        if self._fault is not None:
            raise self._fault
        if self._progress or self._channel.complete:
            self._progress = False
            return
        self._waiter = self._loop.create_future()
        self._watch()
        try:
            await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._waiter = None
        self._progress = False

    async def write(self, data: bytes, timeout: float) -> bool:
        """Hand a further piece of the request to the socket, and wait while it is full."""
        transport, channel = self._transport, self._channel
        if transport is None or channel.lost or channel.complete or transport.is_closing():
            return False
        transport.write(data if self._tls is None else self._tls.seal(data))
        if self._room is None:
            return True
        with anyio.CancelScope(deadline=self._clock() + timeout):
            await self._room.wait()
            return not (self._channel.lost or self._channel.complete)
        self.close()
        raise Fault(Reason.WRITE_TIMEOUT)

    def pause(self, wanted: bool) -> None:
        """Stop reading while the application does not keep up, or go on."""
        if self._transport is None or self._transport.is_closing():
            return
        if wanted and self._transport.is_reading():
            self._transport.pause_reading()
        elif not wanted and not self._transport.is_reading():
            self._transport.resume_reading()

    def settle(self) -> None:
        """End an exchange, whichever way it went: one whose answer was not read to its end closes the connection."""
        channel = self._channel
        self._waiter = None
        if not channel.complete:
            self.close()
        elif self._transport is not None and self._transport.get_write_buffer_size():
            channel.lost = True  # answered before it was sent: what is left must precede no other request
        channel.settle()
        if self._stepwise:
            self._fault = None
            self._stepwise = self._progress = False
            self.pause(False)
        self.used_at = self._clock()

    def extra(self, name: str) -> object:
        """Give `ssl_object`, `socket`, `client_addr` or `server_addr`, None where there is none."""
        if name == "ssl_object":
            return None if self._tls is None else self._tls.session
        key = {"client_addr": "sockname", "server_addr": "peername"}.get(name, name)
        return None if self._transport is None else self._transport.get_extra_info(key)

    async def handshake(self) -> None:
        """Agree on TLS, where this connection has it.

        Raises:
            ssl.SSLError: The other side is not who it should be, or speaks no common TLS.
            Fault: The connection ended meanwhile.
        """
        if self._tls is None:
            return
        self._handshaken = self._loop.create_future()
        try:
            self._shake(self._tls, b"")
            await self._handshaken
        except BaseException:
            self.close()
            raise
        finally:
            self._handshaken = None

    def close(self) -> None:
        """Close at once."""
        self._channel.lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream protocol gets this kind

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the buffer."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        data = self._buffer[:nbytes]
        if self._handshaken is not None and self._tls is not None:
            self._shake(self._tls, data)
            return
        channel = self._channel
        try:
            channel.receive(data)
            if channel.lost and not channel.complete:
                channel.end()
        except Fault as fault:
            self._fail(fault)
            return
        if self._tls is not None and (pending := self._tls.pending()) and self._transport is not None:
            self._transport.write(pending)
        self._go_on()

    def pause_writing(self) -> None:
        """The socket is full."""
        self._room = self._room or asyncio.Event()
        self._room.clear()

    def resume_writing(self) -> None:
        """The socket has room again."""
        if self._room is not None:
            self._room.set()
            self._room = None

    def eof_received(self) -> bool:
        """Take the end of the stream."""
        self.connection_lost(None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Take the end of the connection."""
        if self._handshaken is not None and not self._handshaken.done():
            self._handshaken.set_exception(Fault(Reason.TLS_FAILED, "the connection ended in the handshake"))
        try:
            self._channel.end(error)
        except Fault as fault:
            self._fail(fault)
        else:
            self._go_on()
        self.resume_writing()

    def _go_on(self) -> None:
        waiter = self._waiter
        self._progress = True
        if self._room is not None and self._channel.complete:
            self._room.set()
        if waiter is None:
            if self._channel.lost:
                self.close()
        elif self._stepwise:
            if not waiter.done():
                waiter.set_result(None)
        elif not self._channel.complete:
            self._until = min(self._deadline, self._clock() + self._read_timeout)
        elif not waiter.done():
            self._turn.wake(waiter)

    def _shake(self, tls: TLSBuffers, data: bytes | memoryview) -> None:
        waiter = self._handshaken
        if waiter is None or waiter.done() or self._transport is None:
            return
        failed: ssl.SSLError | None = None
        done = False
        try:
            done = tls.handshake(data)
        except ssl.SSLError as error:
            failed = error
        self._transport.write(tls.pending())
        if failed is not None:
            waiter.set_exception(failed)
        elif done:
            waiter.set_result(None)

    def _fail(self, fault: Fault) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(fault)
        elif self._stepwise:
            self._fault = self._fault or fault
        self.close()

    # The clock: one timer serves request after request, and is moved on only when it rings.

    def _watch(self) -> None:
        self._until = min(self._deadline, self._clock() + self._read_timeout)
        if self._timer is None or self._timer.when() > self._until:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done() or self._channel.complete:
            return
        if self._clock() < self._until:
            self._timer = self._loop.call_at(self._until, self._ring)
        else:
            self._fail(Fault(Reason.DEADLINE if self._until >= self._deadline else Reason.READ_TIMEOUT))
