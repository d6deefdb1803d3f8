"""The page of `repair review`: a server for browsers on this machine.

Needs the packages of ``repair[review]``; they are imported late.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING

from repair.formats.plain import InputError

from .batch import Board

if TYPE_CHECKING:
    from .guard import App
    from .teach import Teacher

_MISSING = "the review page needs starlette, uvicorn and jinja2: pip install 'repair[review]'"
STOPPING = 2
"""Seconds that open requests get when the server is stopped."""


def app(
    board: Board,
    *,
    token: str,
    reviewer: str,
    port: int | None = None,
    export: Callable[[], str] | None = None,
    teacher: Teacher | None = None,
) -> App:
    """The page as an ASGI application.

    `reviewer`: the name that decisions get unless a browser gives another one; `port`: the one it is reached at, None
    for any; `export` writes the logs and returns a message for people; `teacher` knows the dictionary folder that
    learns. Raises `InputError` if packages are missing.
    """
    try:
        from .site import site
    except ImportError as error:
        if (error.name or "").startswith("repair"):
            raise
        raise InputError(_MISSING) from None
    return site(board, token=token, reviewer=reviewer, port=port, export=export, teacher=teacher)


def serve(
    board: Board,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    reviewer: str,
    open_browser: bool = True,
    say: Callable[[str], object],
    export: Callable[[], str] | None = None,
    teacher: Teacher | None = None,
) -> None:
    """Serve the page until Ctrl-C; `say` gets its address, with the token.

    `host` must be a loopback address; port 0 takes a free one. Raises `InputError`: packages missing, no loopback
    address, port taken.
    """
    try:
        import uvicorn
    except ImportError:
        raise InputError(_MISSING) from None
    with _listening(host, port) as bound:
        port = bound.getsockname()[1]
        token = secrets.token_urlsafe(24)
        page = app(board, token=token, reviewer=reviewer, port=port, export=export, teacher=teacher)
        config = uvicorn.Config(
            page,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=STOPPING,
        )
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{port}/?token={token}"
        say(url)
        if open_browser:
            # Connections wait in the socket's queue until the server is up.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        try:
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:
            return


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback or (host not in ("localhost", "127.0.0.1", "::1")):
        raise InputError(f"{host}: the review page is for this machine only; use 127.0.0.1, localhost or ::1")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":  # elsewhere it would let another program listen there as well
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1" if host == "localhost" else host, port))
        bound.listen(128)
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{host}:{port}: {reason[:1].lower()}{reason[1:]}") from None
    return bound
