"""Faust's app, as far as its pages go: an HTTP server only where there is a page, and which does not hold up a stop."""

from typing import Any

from faust.app.base import BootStrategy as FaustBootStrategy

from framework.streams.delivering import DeliveringApp

REQUEST_GRACE = 3.0
"""Seconds that requests in progress get at a stop, when the last commit is made; then they are cancelled."""


class BootStrategy(FaustBootStrategy):
    """Serves HTTP only for apps that have something to serve."""

    app: "PagesApp"

    def _should_enable_web(self) -> bool:
        return self.app.has_pages


class PagesApp(DeliveringApp):
    """Faust's app, which starts its HTTP server once there is a page to serve."""

    BootStrategy = BootStrategy
    _pages = 0

    @property
    def has_pages(self) -> bool:
        """Whether the worker serves HTTP."""
        return self._pages > 0

    def page(self, *args: Any, **kwargs: Any) -> Any:
        """As in Faust; the app's HTTP server is started once there is a page to serve."""
        self._pages += 1
        return super().page(*args, **kwargs)

    def _new_web(self) -> Any:
        web: Any = super()._new_web()
        # What `super` has loaded; few apps have pages.
        from aiohttp.web import AppRunner

        # Faust gives requests a minute, longer than a stop may take, and the seat is left only after that.
        web._runner = AppRunner(web.web_app, access_log=None, shutdown_timeout=REQUEST_GRACE)
        return web
