"""The local server: pages of runs, samples by fifty, pictures on demand."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from evalkit.errors import EvalkitError, UsageError
from evalkit.records import Image
from evalkit.view.cards import Places
from evalkit.view.door import LOOPBACK, Door
from evalkit.view.filters import Query
from evalkit.view.library import Library
from evalkit.view.opened import OpenTask, Run
from evalkit.view.pages import (
    STATIC,
    Site,
    error_page,
    run_page,
    runs_page,
    samples_page,
    static,
    whole_page,
)
from evalkit.view.pictures import NoPictureError, Pictures
from evalkit.view.questions import Questions
from evalkit.view.show import beside_of, samples_of, seen_of

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

SITE = Site(
    exported=False,
    head='<link rel="stylesheet" href="/static/view.css">\n'
    '<link rel="icon" href="data:,">\n<script defer src="/static/view.js"></script>',
)
"""How the server's pages are bound together."""


class _AbsentError(UsageError):
    """There is no such page."""


class Pages:
    """What the server answers, each by its address."""

    def __init__(self, library: Library) -> None:
        """Answer about some runs."""
        self._library, self._pictures = library, Pictures()

    def runs(self, _: Request) -> Response:
        """All runs."""
        return _html(runs_page(SITE, self._library))

    def run(self, request: Request) -> Response:
        """One run."""
        return _html(run_page(SITE, self._library, self._run(request)))

    def samples(self, request: Request) -> Response:
        """A task's samples."""
        opened = self._task(request)
        query = Query.of(request.query_params)
        beside = beside_of(self._library, opened, query.other)

        def picture_at(row: int, number: int) -> str:
            stem = quote(opened.stem, safe="")
            return f"/picture/{opened.run.key}/{stem}/{row}/{number}"

        places = Places(picture=picture_at, whole=_whole_at)
        samples = samples_of(opened, query, beside, places)
        return _html(samples_page(SITE, self._library, opened, query, samples, beside=beside))

    def whole(self, request: Request) -> Response:
        """A sample's texts in their whole length."""
        opened, row = self._task(request), request.path_params["row"]
        if row >= len(opened.index):
            raise _AbsentError(_NO_PAGE)
        return _html(whole_page(SITE, opened, row, opened.questions()))

    def picture(self, request: Request) -> Response:
        """A picture, small or large; a sentence where there is none."""
        from starlette.responses import PlainTextResponse, Response

        opened = self._task(request)
        row, number = request.path_params["row"], request.path_params["number"]
        if row >= len(opened.index):
            raise _AbsentError(_NO_PAGE)
        try:
            seen = seen_of(opened, row, number)
            if request.query_params.get("large"):
                made = self._pictures.large(_image(opened, row, number), seen)
            else:
                name = (opened.run.key, opened.stem, row, number)
                made = self._pictures.small(name, lambda: _image(opened, row, number), seen)
        except NoPictureError as error:
            return PlainTextResponse(str(error), 404)
        return Response(made.content, media_type=made.kind)

    def static(self, request: Request) -> Response:
        """A style or a script."""
        from starlette.responses import Response

        name = request.path_params["name"]
        if name not in STATIC:
            raise _AbsentError(_NO_PAGE)
        return Response(static(name), media_type=STATIC[name])

    def _run(self, request: Request) -> Run:
        run = self._library.runs.get(request.path_params["run"])
        if run is None:
            raise _AbsentError(_NO_PAGE)
        return run

    def _task(self, request: Request) -> OpenTask:
        run, stem = self._run(request), request.path_params["stem"]
        if stem not in run.results:
            raise _AbsentError(_NO_PAGE)
        return self._library.open(run, stem)


_NO_PAGE = "There is no such page."


def _whole_at(opened: OpenTask, row: int) -> str:
    return SITE.whole(opened.run, opened.stem, row)


def _image(opened: OpenTask, row: int, number: int) -> Image:
    """A picture of a sample.

    Raises:
        NoPictureError: There is none.
    """
    questions = opened.questions(None)
    if not isinstance(questions, Questions):
        raise NoPictureError(str(questions))
    image = questions.image(row, number)
    if image is None:
        message = "No picture: the sample has none of this number."
        raise NoPictureError(message)
    return image


def _html(page: str, status: int = 200) -> Response:
    from starlette.responses import Response

    content = page.encode("utf-8", "replace")
    return Response(content, status, media_type="text/html; charset=utf-8")


def _sentence(_: Request, error: Exception) -> Response:
    """A page with an error's sentence."""
    return _html(error_page(SITE, str(error)), 404 if isinstance(error, _AbsentError) else 400)


def application(library: Library, token: str, cookie: str = "evalkit") -> Door:
    """The pages behind their door.

    Args:
        library: The runs.
        token: What must be known to see them.
        cookie: The cookie's name.
    """
    from starlette.exceptions import HTTPException

    app = _routed(Pages(library))
    app.add_exception_handler(EvalkitError, _sentence)
    app.add_exception_handler(HTTPException, lambda request, _: _sentence(request, _absent()))
    return Door(app, token, cookie)


def _absent() -> _AbsentError:
    return _AbsentError(_NO_PAGE)


def _routed(pages: Pages) -> Starlette:
    from starlette.applications import Starlette
    from starlette.routing import Route

    routes: dict[str, Callable[[Request], Response]] = {
        "/": pages.runs,
        "/run/{run}": pages.run,
        "/run/{run}/{stem}": pages.samples,
        "/whole/{run}/{stem}/{row:int}": pages.whole,
        "/picture/{run}/{stem}/{row:int}/{number:int}": pages.picture,
        "/static/{name}": pages.static,
    }
    return Starlette(routes=[Route(path, answer) for path, answer in routes.items()])


# Serving


def listening(port: int) -> socket.socket:
    """A socket on the loopback address alone.

    Args:
        port: 0 is any that is free.

    Raises:
        UsageError: The port is in use, or may not be used.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        message = f"The port {port} {why}; give another by --port, or none for any that is free."
        raise UsageError(message) from error


def serve(app: Door, door: socket.socket) -> None:
    """Answer until the process is interrupted.

    Raises:
        KeyboardInterrupt: It was.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[door])
