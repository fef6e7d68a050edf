"""Asks a page of Chromium by the DevTools protocol: JSON over a WebSocket.  [I/O]

Blocking, for a task's thread. (Chrome DevTools Protocol: /json/list, Runtime.evaluate.)
"""

import contextlib
import http.client
import json
import time
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from envserver.rewarder.errors import DesktopError

PAUSE_S = 0.01
MAX_MESSAGE_BYTES = 64 << 20


class DevTools:
    """A connection to the first page of a browser on this host.

    Args:
        port: its `--remote-debugging-port`.
        timeout_s: for the browser to come up, and for each answer.

    Raises:
        DesktopError: no page came up in time.
    """

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self._timeout_s = timeout_s
        self._port = port
        self._calls = 0
        self._open = contextlib.ExitStack()
        url = self._page()
        try:
            self._socket = self._open.enter_context(
                connect(url, compression=None, max_size=MAX_MESSAGE_BYTES, open_timeout=timeout_s)
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise DesktopError(f"DevTools on port {port}: {error}") from error

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method such as "Page.navigate"; returns its result.

        Raises:
            DesktopError: the browser refuses, is gone, or does not answer.
        """
        self._calls += 1
        deadline_s = time.monotonic() + self._timeout_s
        try:
            request = {"id": self._calls, "method": method, "params": params}
            self._socket.send(json.dumps(request))
            while True:
                left_s = max(0.0, deadline_s - time.monotonic())
                answer = json.loads(self._socket.recv(timeout=left_s))
                if answer.get("id") == self._calls:
                    break  # anything else is an event, or late
        except TimeoutError as error:
            raise DesktopError(f"{method}: no answer within {self._timeout_s:g} s") from error
        except (OSError, WebSocketException, ValueError) as error:
            raise DesktopError(f"{method}: the browser is gone: {error}") from error
        if "error" in answer:
            raise DesktopError(f"{method}: {answer['error'].get('message', answer['error'])}")
        result: dict[str, Any] = answer.get("result", {})
        return result

    def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression in the page; a promise is waited for.

        Raises:
            DesktopError: it throws.
        """
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text")
            raise DesktopError(f"{expression:.60}: {text}")
        return found["result"].get("value")

    def close(self) -> None:
        self._open.close()

    def _page(self) -> str:
        """The WebSocket address of the first page."""
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            try:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self._port, timeout=self._timeout_s
                )
                connection.request("GET", "/json/list")
                targets = json.loads(connection.getresponse().read())
                connection.close()
                for target in targets:
                    if target.get("type") == "page" and "webSocketDebuggerUrl" in target:
                        return str(target["webSocketDebuggerUrl"])
                why = "it has no page"
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
                why = str(error)
            if time.monotonic() > deadline_s:
                raise DesktopError(
                    f"no page on DevTools port {self._port} after {self._timeout_s:g} s: {why}"
                )
            time.sleep(PAUSE_S)
