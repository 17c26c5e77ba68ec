"""A connection on trio, over anyio's byte stream."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import anyio.lowlevel
from anyio.abc import SocketAttribute, SocketStream

from aiocc.delivery import Reason
from aiocc.protocol.limits import AnswerLimits
from aiocc.protocol.messages import Fault, Wire
from aiocc.transport.channel import Channel
from aiocc.transport.reader import OnData, OnHead
from aiocc.transport.tls_buffers import TLSBuffers


class StreamConnection:
    """One open connection; see `Connection`.

    Args:
        stream: Owned from now on.
        tls: The session over which it speaks; None for none.
    """

    def __init__(self, stream: SocketStream, tls: TLSBuffers | None) -> None:
        self._stream = stream
        self._socket: socket.socket = stream.extra(SocketAttribute.raw_socket)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._tls = tls
        self._channel = Channel(tls)
        self._data = b""
        self._busy = self._deaf = self._paused = False
        self._broken: Exception | None = None
        self._deadline = self._read_timeout = 0.0
        self.opened_at: float = anyio.current_time()
        self.used_at: float = self.opened_at

    @property
    def requests(self) -> int:
        """How many it has carried."""
        return self._channel.requests

    @property
    def alive(self) -> bool:
        """Whether it may carry another request."""
        return self._channel.alive and not self._deaf

    def undisturbed(self) -> bool:
        """Ask the socket: nobody reads it while it is idle."""
        try:
            data = self._socket.recv(64 * 1024, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        try:
            if not data:
                self._channel.lost = True
            else:
                self._channel.receive(data)
        except Fault:
            self._channel.lost = True
        return self._channel.alive

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
        """Take a request; `finish` hands it to the socket."""
        if self._channel.lost:
            return False
        self._deadline = deadline
        self._read_timeout = read_timeout
        self._channel.begin(wire, bodiless=bodiless, limits=limits, on_head=on_head, on_data=on_data)
        self._channel.leave()
        self._data = data if self._tls is None else self._tls.seal(data)
        return True

    async def finish(self) -> None:
        """Hand the request to the socket, and wait for the end of the answer."""
        while not self._channel.complete:
            await self._step(self._receive_some, self._read_timeout, Reason.READ_TIMEOUT)

    async def handshake(self) -> None:
        """Agree on TLS, where this connection has it.

        Raises:
            ssl.SSLError: The other side is not who it should be, or speaks no common TLS.
            Fault: The connection ended meanwhile.
        """
        if self._tls is None:
            return
        data = b""
        while True:
            try:
                done = self._tls.handshake(data)
            finally:
                pending = self._tls.pending()
                if pending:
                    await self._stream.send(pending)
            if done:
                return
            try:
                data = await self._stream.receive(64 * 1024)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                raise Fault(Reason.TLS_FAILED, "the connection ended in the handshake") from None

    async def write(self, data: bytes, timeout: float) -> bool:
        """Hand a further piece of the request to the socket, and wait while it is full."""
        if not self._hears:
            return False
        self._data += data if self._tls is None else self._tls.seal(data)
        await self._step(self._flush, timeout, Reason.WRITE_TIMEOUT)
        if not (self._paused or self._deaf):
            await self._step(self._glance, timeout, Reason.WRITE_TIMEOUT)
        return not self._deaf

    async def advance(self) -> None:
        """Wait until more of the answer has come, or its end."""
        if not self._channel.complete:
            await self._step(self._receive_some, self._read_timeout, Reason.READ_TIMEOUT)

    def pause(self, wanted: bool) -> None:
        """Nothing is read but in `advance`, and beside a `write` unless paused."""
        self._paused = wanted

    def settle(self) -> None:
        """End an exchange, whichever way it went: one whose answer was not read to its end closes the connection."""
        if not self._channel.complete:
            self.close()
        self._channel.settle()
        self._paused = False
        self.used_at = anyio.current_time()

    def extra(self, name: str) -> object:
        """Give `ssl_object`, `socket`, `client_addr` or `server_addr`, None where there is none."""
        if name == "ssl_object":
            return None if self._tls is None else self._tls.session
        if name == "client_addr":
            return self._socket.getsockname()
        if name == "server_addr":
            return self._socket.getpeername()
        return self._socket if name == "socket" else None

    def close(self) -> None:
        """Close at once; who waits at the socket is woken, and closes it."""
        self._channel.lost = True
        if self._busy:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        else:
            self._socket.close()

    async def _step(self, act: Callable[[], Awaitable[None]], timeout: float, late: Reason) -> None:
        """Do one thing at the socket within the time for it; a connection on which that fails is closed."""
        until = min(self._deadline, anyio.current_time() + timeout)
        whole = False
        self._busy = True
        try:
            with anyio.CancelScope(deadline=until):
                await act()
                whole = True
        except anyio.EndOfStream:
            self._channel.end(self._broken)  # a socket tells of a reset once, and of a plain end after that
            whole = True
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._channel.end(error)
            whole = True
        finally:
            self._busy = False
            if not whole:
                self.close()
        if not whole:
            raise Fault(Reason.DEADLINE if until >= self._deadline else late)

    async def _flush(self) -> None:
        if not self._data:
            return
        await anyio.lowlevel.checkpoint_if_cancelled()
        data, self._data = memoryview(self._data), b""  # a view shows nothing of itself in a trace's locals
        try:
            rest = data[self._socket.send(data, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            rest = data
        except OSError as error:
            self._broken = error.with_traceback(None)
            self._deaf = True  # it may have answered before: what has come is read first
            return
        if rest:
            await self._send_and_hear(rest)

    async def _send_and_hear(self, rest: memoryview) -> None:
        """Send on while the socket is full; a whole answer that comes meanwhile ends that, as does an end."""

        async def send() -> None:
            try:
                await self._stream.send(rest)  # type: ignore[arg-type]  # anyio's takes any buffer
                self._deaf = False
            except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
                self._broken = error.with_traceback(None)
            group.cancel_scope.cancel()

        self._deaf = True  # until all of it is sent
        fault: Fault | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            try:
                while not self._paused and self._hear() and not self._channel.complete:
                    await anyio.wait_readable(self._socket)
            except Fault as error:
                fault = error
            if not self._paused:
                group.cancel_scope.cancel()
        if fault is not None:
            raise fault

    @property
    def _hears(self) -> bool:
        return not (self._deaf or self._channel.lost or self._channel.complete)

    async def _glance(self) -> None:
        """Take what has come, without waiting: the other side may answer before it has heard all."""
        await anyio.lowlevel.checkpoint()
        if not self._hear():
            self._deaf = True

    def _hear(self) -> bool:
        """Take what has come; false where no more will."""
        try:
            data = self._socket.recv(64 * 1024, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError as error:
            self._broken = error.with_traceback(None)
            data = b""
        if data:
            self._channel.receive(data)
        return bool(data) and not self._channel.lost

    async def _receive_some(self) -> None:
        await self._flush()
        channel = self._channel
        if channel.complete:
            return
        channel.receive(await self._stream.receive(64 * 1024))
        if channel.lost and not channel.complete:
            channel.end()
