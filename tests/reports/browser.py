"""A headless Chromium, spoken to over a pipe: enough to open a page, measure it and take its picture."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab. Use as a context manager; `open` waits until the page has loaded."""

    def __enter__(self):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # a child may still write
        hears, speak = os.pipe()
        listen, tells = os.pipe()

        # A second interpreter moves the pipes to 3 and 4, where Chromium expects them: here those may be in use.
        move = "import os, sys; r, w = os.dup(int(sys.argv[1])), os.dup(int(sys.argv[2])); os.dup2(r, 3); "
        move += "os.dup2(w, 4); [os.set_inheritable(fd, True) for fd in (3, 4)]; os.execv(sys.argv[3], sys.argv[3:])"
        flags = [*FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", move, str(hears), str(tells), CHROMIUM, *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(hears, tells),
        )
        os.close(hears)
        os.close(tells)
        self._speak = os.fdopen(speak, "wb", buffering=0)
        self._listen = os.fdopen(listen, "rb")
        self._number = 0
        self._session = None
        self.console = []
        target = next(t for t in self._ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._speak.close()
        self._listen.close()
        self._profile.cleanup()

    def open(self, path, width=1280, height=900, *, scripts=True, dark=False):
        """Load a file at a width in CSS pixels, as a telephone or a desk would."""
        self.console.clear()
        self.resize(width, height)
        self._ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.prefer(dark)
        self._ask("Page.navigate", url=Path(path).resolve().as_uri())
        self._wait_for("Page.loadEventFired")

    def resize(self, width, height=900):
        """Another width for the page that is open: the same kind of window, a telephone's or a desk's."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **metrics)

    def prefer(self, dark):
        """Dark colours, or light ones, for the page that is open."""
        scheme = "dark" if dark else "light"
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def run(self, expression):
        """The value of a JavaScript expression in the page, or what its promise comes to."""
        reply = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    def press_tab(self):
        """The tab key, as someone without a mouse would."""
        for kind in ("rawKeyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)

    def picture(self, path):
        """The whole page as PNG."""
        reply = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(reply["data"]))

    def print(self, path):
        """The page as PDF, as the printer gets it."""
        reply = self._ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        Path(path).write_bytes(base64.b64decode(reply["data"]))

    def _ask(self, method, **params):
        self._number += 1
        order = {"id": self._number, "method": method, "params": params}
        if self._session:
            order["sessionId"] = self._session
        self._speak.write(json.dumps(order).encode() + b"\0")
        while (message := self._hear()).get("id") != self._number:
            pass
        assert "error" not in message, message
        return message["result"]

    def _wait_for(self, event):
        while self._hear().get("method") != event:
            pass

    def _hear(self):
        raw = bytearray()
        while (byte := self._listen.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            raw += byte
        message = json.loads(raw)
        if message.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.console.append(message["params"])
        return message
