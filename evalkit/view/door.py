"""Who may look: this machine's browser, by a name that is this machine's, with the token."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"

_HOSTS = frozenset({LOOPBACK, "localhost"})
"""Names under which a browser may ask. Another name was made to point here (DNS rebinding)."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""What every answer says: nothing is kept, guessed, framed, or given to another site."""

HEADER = "x-evalkit-token"
"""Where a program may say the token; a browser has it in a cookie."""


class Door:
    """Stands before an application, and lets in whoever knows the token.

    The first request has it in its address; the answer is a cookie, and the same address without
    it. Only GET and HEAD are answered.
    """

    def __init__(self, app: ASGIApp, token: str, cookie: str = "evalkit") -> None:
        """Stand before an application.

        Args:
            app: The application.
            token: What must be known.
            cookie: The cookie's name; servers on other ports of this machine see it too.
        """
        self._app, self._token, self._cookie = app, token, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the application answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        await self._chosen(scope)(scope, receive, guarded)

    def _chosen(self, scope: Scope) -> ASGIApp:
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse

        request = Request(scope)
        if _host(request.headers.getlist("host")) not in _HOSTS:
            return PlainTextResponse("Ask for it by 127.0.0.1 or localhost.", 421)
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("Pages are only read.", 405)
        if self._is_known(request.query_params.getlist("token")):
            return self._welcome(scope)
        given = [request.headers.get(HEADER, ""), request.cookies.get(self._cookie, "")]
        if self._is_known(given):
            return self._app
        text = "Open the address, with its token, that `evalkit view` has printed."
        return PlainTextResponse(text, 403)

    def _is_known(self, given: Iterable[str]) -> bool:
        """Whether one is the token; how long it takes does not tell how much of it is right."""
        known = self._token.encode()
        return any(secrets.compare_digest(one.encode("utf-8", "replace"), known) for one in given)

    def _welcome(self, scope: Scope) -> ASGIApp:
        """A page that goes on by itself: then it is this site that asks, and the cookie is sent."""
        from starlette.responses import HTMLResponse

        pairs = parse_qsl(scope["query_string"].decode("latin-1"))
        rest = urlencode([(name, value) for name, value in pairs if name != "token"])
        place = "/" + quote(scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")
        page = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>evalkit</title>'
            '<link rel="icon" href="data:,">'
            f'<meta http-equiv="refresh" content="0;url={escape(place)}">'
            f'<a href="{escape(place)}">Go on</a></html>'
        )
        answer = HTMLResponse(page)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return answer


def _host(given: list[str]) -> str:
    """The name in the one Host header, without its port."""
    return given[0].rsplit(":", 1)[0].lower() if len(given) == 1 else ""
