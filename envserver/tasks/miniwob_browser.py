"""The browser of the MiniWoB++ tasks, and the server of their pages.  [I/O]

Theory of operation: one Chromium lives as long as the rewarder, full screen, with a profile of its
own that is never saved. Its pages come from the Python package `miniwob` through a server on
127.0.0.1, its DevTools listen there too, and it resolves no other name, so that nothing leaves the
host. An agent may press any key, and so close the window or go to another page: whatever then asks
the browser gets a `DesktopError`, and the next `open` starts it anew.
"""

import contextlib
import functools
import http.server
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from envserver.rewarder import DesktopError
from envserver.rewarder.desktop import Desktop
from envserver.rewarder.devtools import DevTools

FLAGS_VARIABLE = "ENVSERVER_CHROMIUM_FLAGS"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--kiosk", "--incognito", "--window-position=0,0", "--test-type", "--noerrdialogs"),
    *("--no-first-run", "--no-default-browser-check", "--disable-search-engine-choice-screen"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--disable-extensions", "--disable-default-apps", "--disable-breakpad"),
    *("--disable-features=Translate,MediaRouter,OptimizationHints", "--password-store=basic"),
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
    *("--deny-permission-prompts", "--disable-notifications", "--disable-smooth-scrolling"),
    *("--disable-gpu", "--disable-lcd-text", "--force-device-scale-factor=1"),
    *("--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows"),
    *("--remote-debugging-address=127.0.0.1", "--remote-debugging-port=0"),
)
START_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 8.0
PAUSE_S = 0.005


def pages_directory() -> Path:
    """Where the package `miniwob` keeps its pages; it is not imported, for it needs Selenium.

    Raises:
        DesktopError: there is no such package.
    """
    spec = importlib.util.find_spec("miniwob")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        directory = Path(place) / "html"
        if directory.is_dir():
            return directory
    raise DesktopError("MiniWoB++'s pages are missing: pip install --no-deps miniwob")


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        """The pages are in UTF-8 and do not say so."""
        kind = super().guess_type(path)
        return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind

    def log_message(self, format: str, *values: Any) -> None:
        """Requests are not logged."""


class Browser:
    """Chromium on a desktop."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop
        handler = functools.partial(_QuietHandler, directory=str(pages_directory()))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._program: subprocess.Popen[bytes] | None = None
        self._profile: Path | None = None
        self._devtools: DevTools | None = None

    def open(self, path: str) -> None:
        """Load a page of the package afresh; start the browser where it does not run.

        Raises:
            DesktopError: it cannot be started.
        """
        url = f"http://127.0.0.1:{self._server.server_address[1]}/{path}"
        try:
            if self._devtools is None:
                raise DesktopError("not started")
            # A page that was left behind keeps its marks until the new one replaces it.
            self._devtools.evaluate("window.envserverOld = true")
            self._devtools.call("Page.navigate", url=url)
        except DesktopError:
            self._restart(url)
        self._wait_loaded(url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page.

        Raises:
            DesktopError: it throws, or the browser is gone.
        """
        if self._devtools is None:
            raise DesktopError("the browser is gone")
        try:
            return self._devtools.evaluate(expression)
        except DesktopError:
            self._check_alive()
            raise

    def _check_alive(self) -> None:
        """Let go of a browser that does not answer."""
        assert self._devtools is not None
        try:
            self._devtools.evaluate("1")
        except DesktopError:
            self._devtools.close()
            self._devtools = None

    def _wait_loaded(self, url: str) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        loaded = f"!window.envserverOld && location.href === {url!r}"
        loaded += " && document.readyState === 'complete'"
        while True:
            with contextlib.suppress(DesktopError):  # between two pages there is none to ask
                if self.evaluate(loaded):
                    return
            if self._devtools is None or time.monotonic() > deadline_s:
                raise DesktopError(f"the browser does not show {url}")
            time.sleep(PAUSE_S)

    def close(self) -> None:
        """End it; `open` starts it again."""
        if self._devtools is not None:
            self._devtools.close()
            self._devtools = None
        if self._program is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._program.pid, signal.SIGKILL)
            self._program.wait()
            self._program = None
        if self._profile is not None:
            shutil.rmtree(self._profile, ignore_errors=True)
            self._profile = None

    def _restart(self, url: str) -> None:
        self.close()
        found = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if found is None:
            raise DesktopError("no Chromium found: apt install chromium")
        # Beside the home, which every episode empties; it goes with the desktop.
        self._profile = profile = Path(
            tempfile.mkdtemp(prefix="browser-", dir=self._desktop.home.parent)
        )
        width, height = self._desktop.screen().shape[1::-1]
        argv = [found, *FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            argv.append("--no-sandbox")  # as root, Chromium starts without one only
        argv += [*shlex.split(os.environ.get(FLAGS_VARIABLE, "")), f"--app={url}"]
        self._program = self._desktop.run(
            argv, keep=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._devtools = self._desktop.devtools(self._port(profile), ANSWER_TIMEOUT_S)
        self._desktop.wait_window("")

    def _port(self, profile: Path) -> int:
        """Where the DevTools listen: the browser writes it down."""
        assert self._program is not None
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError, ValueError, IndexError):
                return int((profile / "DevToolsActivePort").read_text().split("\n")[0])
            if self._program.poll() is not None:
                raise DesktopError(
                    f"Chromium ended with status {self._program.returncode}; in a container it "
                    f"needs {FLAGS_VARIABLE}=--no-sandbox"
                )
            if time.monotonic() > deadline_s:
                raise DesktopError(f"Chromium did not start in {START_TIMEOUT_S:g} s")
            time.sleep(PAUSE_S)
