"""Firefox without a window, driven by WebDriver BiDi, which it speaks itself."""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

__all__ = ["Firefox", "running"]

_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.backup.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.prefs.recommended": True,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.server": "",
}
_STARTS, _ENDS, _ANSWERS = 90, 20, 60  # seconds at most


class Firefox:
    """A running Firefox with one page.

    Attributes:
      said: what the page's console reported, and each error in a script of the page.
    """

    def __init__(self, socket: ClientConnection):
        self._socket, self._ids, self.said = socket, count(1), []
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded"])
        self._page = self._ask("browsingContext.create", type="tab")["context"]

    def open(self, uri: str) -> None:
        """Opens a page, and waits until it is loaded."""
        self._ask("browsingContext.navigate", context=self._page, url="about:blank", wait="complete")
        self._ask("browsingContext.navigate", context=self._page, url=uri, wait="complete")

    def reload(self) -> None:
        self._ask("browsingContext.reload", context=self._page, wait="complete")

    def set_size(self, width: int, height: int) -> None:
        """Sets the size of the page in CSS pixels."""
        self._ask("browsingContext.setViewport", context=self._page, viewport={"width": width, "height": height})

    def evaluate(self, expression: str) -> object:
        """Returns the value of an expression, or of the promise that it gives."""
        found = self._ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._page},
            awaitPromise=True,
        )
        assert found["type"] == "success", found["exceptionDetails"]["text"]
        return json.loads(found["result"]["value"]) if found["result"]["type"] == "string" else None

    def wait_for(self, expression: str, *, seconds: float = 30) -> None:
        """Waits until an expression is true."""
        until = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < until, f"not in {seconds} s: {expression}; the console says {self.said}"
            time.sleep(0.05)

    def close(self) -> None:
        self._ask("browser.close")

    def _ask(self, method: str, **parameters: object) -> dict:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=_ANSWERS))
            if answer.get("id") == number:
                assert answer["type"] == "success", f"{method}: {answer.get('message')}"
                return answer["result"]
            if answer.get("method") == "log.entryAdded":
                self.said.append(f"{answer['params']['level']}: {answer['params']['text']}")


@contextlib.contextmanager
def running(program: str) -> Iterator[Firefox]:
    """Starts a Firefox with a profile of its own, and ends it."""
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as profile:
        preferences = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items())
        (Path(profile) / "user.js").write_text("\n".join(preferences))
        command = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = subprocess.Popen([*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = _port(Path(profile) / "WebDriverBiDiServer.json", process)
            with connect(f"ws://127.0.0.1:{port}/session", max_size=None, open_timeout=_STARTS) as socket:
                browser = Firefox(socket)
                yield browser
                browser.close()
            process.wait(_ENDS)
        finally:
            process.kill()
            process.wait()


def _port(told: Path, process: subprocess.Popen) -> int:
    until = time.monotonic() + _STARTS
    while time.monotonic() < until and process.poll() is None:
        try:
            return json.loads(told.read_text())["ws_port"]
        except (OSError, ValueError):  # not yet there, or half written
            time.sleep(0.1)
    raise OSError("Firefox does not listen")
