"""Who may speak to the page: an ASGI layer that lets in only browsers on this machine that know the token.

Another site, open in the same browser, can send requests to the page but not read its cookie, does not get its own
`Host` past the check, and is told apart by `Sec-Fetch-Site` or `Origin`.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST = 1 << 20
"""Bytes of a request's body."""
NAMES = ("127.0.0.1", "localhost", "[::1]")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_SAFE = ("GET", "HEAD")


class Guard:
    """Wraps `app`. `port`: the one listened on, None for any; `refused`: the page that says so, as HTML."""

    def __init__(self, app: App, *, token: str, port: int | None, refused: str) -> None:
        if not token:
            raise ValueError("an empty token")
        self.app, self.token, self.port = app, token, port
        self.refused = refused.encode()

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies do not tell ports apart, and several pages may be open at a time."""
        return f"repair-review-{self.port or 0}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = list(message.get("headers", ()))
                names = {bytes(name).lower() for name, _ in given}
                given += [pair for pair in _HEADERS if pair[0] not in names]
                if b"cache-control" not in names:
                    given.append((b"cache-control", b"no-store"))
                message = {**message, "headers": given}
            await send(message)

        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(bytes(name).lower(), []).append(bytes(value))
        if not self._here(headers, scope["method"]):
            await self._answer(sending, 403, self.refused)
            return
        given_token = _token(scope["query_string"]) if scope["path"] == "/" else None
        if given_token is not None:
            if not self._same(given_token):
                await self._answer(sending, 403, self.refused)
                return
            cookie = f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            await self._answer(sending, 303, b"", ((b"location", b"/"), (b"set-cookie", cookie.encode())))
            return
        if not self._same(self._given(headers)):
            await self._answer(sending, 403, self.refused)
            return
        body = await self._body(headers, receive)
        if body is None:
            await self._answer(sending, 413, b"")
            return
        read = False

        async def receiving() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self.app(scope, receiving, sending)
        except Exception:
            if not started:
                await self._answer(sending, 500, b"")
            raise

    def _here(self, headers: dict[bytes, list[bytes]], method: str) -> bool:
        """Whether the request is for this address, and for anything but reading also from it."""
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or not self._own(hosts[0].decode("latin-1").lower()):
            return False
        if method in _SAFE:
            return True
        sites = headers.get(b"sec-fetch-site", [])
        if sites:
            # With Referrer-Policy: no-referrer a browser says "null" for the origin of a plain form.
            origins = [value for value in headers.get(b"origin", []) if value != b"null"]
            if sites != [b"same-origin"]:
                return False
        else:
            origins = headers.get(b"origin", [])
        return all(value.lower() == b"http://" + hosts[0].lower() for value in origins)

    def _own(self, host: str) -> bool:
        for name in NAMES:
            if self.port is None and (host == name or host.startswith(f"{name}:")):
                return True
            if host == f"{name}:{self.port}" or (self.port == 80 and host == name):
                return True
        return False

    def _given(self, headers: dict[bytes, list[bytes]]) -> str:
        try:
            found = SimpleCookie("; ".join(value.decode("latin-1") for value in headers.get(b"cookie", [])))
        except CookieError:
            return ""
        return found[self.cookie].value if self.cookie in found else ""

    def _same(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self.token.encode())

    async def _body(self, headers: dict[bytes, list[bytes]], receive: Receive) -> bytes | None:
        """The request's body, None if it is too large."""
        for value in headers.get(b"content-length", []):
            if not value.isdigit() or int(value[:20]) > LARGEST:
                return None
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b""
            chunks.append(bytes(message.get("body", b"")))
            size += len(chunks[-1])
            if size > LARGEST:
                return None
            if not message.get("more_body"):
                return b"".join(chunks)

    async def _answer(
        self, send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        given = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode()), *headers]
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": body})


def _token(query: bytes) -> str | None:
    try:
        return parse_qs(query.decode("latin-1"), max_num_fields=100).get("token", [None])[-1]
    except ValueError:
        return None
