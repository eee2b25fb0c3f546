"""Opens a page in headless Chromium, waits for an element, prints its text; takes pictures on the way.

    python3 tests/browser/page.py PAGE SELECTOR [SECONDS]

Chromium is spoken to through a pipe (the DevTools protocol): nothing but Python's standard library is needed.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


class Browser:
    """A browser with one page."""

    def __init__(self):
        name = next(filter(None, map(shutil.which, NAMES)), None)
        if not name:
            sys.exit("Chromium is absent: apt-get install chromium")
        self.folder = tempfile.mkdtemp(prefix="palmnet-browser-")
        read_command, self.commands = os.pipe()
        self.answers, write_answer = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        arguments = [name, *flags, "--no-first-run", f"--user-data-dir={self.folder}", "about:blank"]
        # The browser reads from 3 and writes to 4.
        numbers = f"exec 3<&{read_command} 4>&{write_answer}; exec \"$@\""
        self.process = subprocess.Popen(
            ["bash", "-c", numbers, "browser", *arguments],
            pass_fds=[read_command, write_answer],
            stderr=subprocess.DEVNULL,
        )
        os.close(read_command)
        os.close(write_answer)
        self.buffer, self.number, self.session, self.problems = b"", 0, None, []
        pages = self.call("Target.getTargets")["targetInfos"]
        page = next(page for page in pages if page["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = attached["sessionId"]
        self.call("Runtime.enable")
        self.call("Page.enable")
        self.call("Network.enable")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.note(answer)

    def read(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.answers, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def note(self, event):
        """Keeps what a page should not have: exceptions, and requests to anywhere."""
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        if event.get("method") == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if url.split(":")[0] not in ("file", "blob", "data", "about"):
                self.problems.append(f"the page asks for {url}")

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, code):
        result = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait(self, code, seconds=60):
        """Returns the value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.evaluate(code):
                return value
            time.sleep(0.05)
        raise RuntimeError(f"{code} is not true after {seconds} s; {self.problems}")

    def size(self, width, height, theme="light", ratio=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=ratio, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    def picture(self, file):
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        pathlib.Path(file).write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            pass
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    browser = Browser()
    try:
        browser.open(sys.argv[1])
        seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 60
        print(browser.wait(f"document.querySelector({json.dumps(sys.argv[2])})?.textContent", seconds))
    finally:
        browser.close()
    if browser.problems:
        sys.exit("\n".join(browser.problems))
