"""Runs Python test files, or loads modules, each in a process of its own or all in one, and seals the report.

    python3 -I python_runner.py REPORT < settings

The settings and the lines of the report are those of node-runner.mjs. This process holds the key of the seal; children
(python_child.py) tell what happened over a pipe, each line with a code that only they and this process can make. A test
that ends its process, forks, or prints a summary of its own changes nothing here.
"""

import hashlib
import hmac
import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time

CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_child.py")


class Runner:
    def __init__(self, settings: dict, report) -> None:
        self.settings = {**settings, "root": os.path.realpath(settings["root"])}
        self.report = report
        self.seal = hmac.new(settings["key"].encode(), digestmod=hashlib.sha256)
        self.limits = settings["limits"]
        self.deadline = time.monotonic() + self.limits["commandMs"] / 1000
        self.failed = False

    def run(self) -> int:
        if "together" in self.settings:
            self.tell_together(Child(self.settings, self.settings["files"]).run())
        for entry in [] if "together" in self.settings else self.settings["files"]:
            if time.monotonic() > self.deadline - 1:
                self.write({"kind": "rest", "file": entry["path"]})
                continue
            told = Child(self.settings, [entry]).run()
            if self.settings["mode"] == "test":
                self.tell_tests(entry["path"], told)
            else:
                self.tell_loaded(entry["path"], told)
        self.report.write(json.dumps({"kind": "end", "mac": self.seal.hexdigest()}, separators=(",", ":")) + "\n")
        return 1 if self.failed else 0

    def write(self, line: dict) -> None:
        text = json.dumps(line, separators=(",", ":")) + "\n"
        self.seal.update(text.encode("utf-8"))
        self.report.write(text)

    def tell_tests(self, file: str, told: "Child") -> None:
        for kind in ("test", "late", "unrun"):
            for line in told.lines[kind]:
                needs = line.get("needs")
                why = {} if needs is None else {"why": not_installed(needs)}
                self.write({"kind": kind, "file": file, **line, **why})
        ending = {"kind": "file", "file": file, "finished": True, "failed": False}
        distrust = told.why_not_believed()
        failures = bool(told.lines["late"]) or any(one["status"] == "fail" for one in told.lines["test"])
        if distrust is not None:
            ending.update(failed=True, untrusted=True, message=distrust)
        elif told.unloaded is not None:
            why, needs = told.cannot_run()
            if why is not None:
                self.write({"kind": "unrun", "file": file, "why": why, **({"needs": needs} if needs else {})})
            else:
                ending.update(finished=False, failed=True, **told.unloaded)
        elif told.finished is None:
            message = told.unfinished()
            if told.running is not None:
                self.write(
                    {"kind": "test", "file": file, "number": 0, "name": told.running, "status": "fail", "message": message}
                )
            ending.update(finished=False, failed=True, message=message)
        elif told.finished["tests"] == 0 and not told.lines["unrun"] and not failures:
            self.write({"kind": "unrun", "file": file, "why": "there are no tests in it"})
        self.write(ending)
        self.failed = self.failed or ending["failed"] or failures

    def tell_together(self, told: "Child") -> None:
        """Tells of each file of a shared process. Nothing is said of files that cannot share one, or had no time."""
        late = told.finished is None and told.stopped == self.limits["commandMs"] / 1000
        for entry in self.settings["files"]:
            file = entry["path"]
            seen = told.files.get(file, {"tests": [], "unloaded": None, "found": False, "ran": False})
            ran = seen["ran"] or (seen["found"] and file in self.settings["together"])
            if file in told.apart or (late and not ran):
                self.write({"kind": "rest", "file": file})
                continue
            for line in seen["tests"]:
                self.write({"kind": "test", "file": file, **line})
            ending = {"kind": "file", "file": file, "finished": ran, "failed": not ran}
            if told.foreign > 0:
                ending.update(failed=True, untrusted=True, message="the results of this process cannot be believed")
            elif seen["unloaded"] is not None:
                needs, why = seen["unloaded"].pop("needs", None), seen["unloaded"].pop("why", None)
                ending.update(message=why if needs is None else not_installed(needs))
                ending.update(seen["unloaded"])
            elif not ran:
                ending.update(message=told.unfinished())
            elif not seen["tests"] and file not in self.settings["together"]:
                ending.update(failed=True, message="no test was found in it")
            self.write(ending)
            self.failed = self.failed or ending["failed"] or any(one["status"] == "fail" for one in seen["tests"])

    def tell_loaded(self, file: str, told: "Child") -> None:
        line = {"kind": "load", "file": file, "outcome": "loaded", "message": ""}
        problem = told.unloaded
        if problem is None and told.lines["late"]:
            problem = {key: told.lines["late"][0][key] for key in ("message", "frame") if key in told.lines["late"][0]}
        if told.unloaded is not None and told.cannot_run()[0] is not None:
            line.update(outcome="unloadable", message=told.cannot_run()[0])
        elif problem is not None:
            line.update(outcome="failed", **problem)
        elif told.finished is None and (told.stopped is not None or told.code is None or told.code < 0):
            line.update(outcome="failed", message=told.unfinished())
        self.write(line)


class Child:
    """One process for one file, or for all, and all it told."""

    def __init__(self, settings: dict, entries: list) -> None:
        self.settings = settings
        self.entries = entries
        self.together = "together" in settings
        self.at = None
        # Of a shared process: what it told of each file, and the files that cannot share it.
        self.files = {}
        self.apart = set()
        self.nonce = secrets.token_hex(24)
        self.sequence = 0
        self.pending = b""
        self.canaries = {key: "c" + secrets.token_hex(9) for key in ("message", "value", "other")}
        self.lines = {"test": [], "late": [], "unrun": []}
        self.canary = {}
        self.tampered = []
        self.foreign = 0
        self.running = None
        self.unloaded = None
        self.finished = None
        self.stopped = None
        self.code = None
        self.errors = b""
        self.heard = time.monotonic()

    def run(self) -> "Child":
        settings, limits = self.settings, self.settings["limits"]
        root = settings["root"]
        read_end, write_end = os.pipe()
        try:
            child = subprocess.Popen(
                [sys.executable, CHILD, str(write_end)],
                cwd=os.path.join(root, self.entries[0]["cwd"]),
                env=dict(os.environ),
                pass_fds=[write_end],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self.errors = str(error).encode()
            os.close(read_end)
            return self
        finally:
            os.close(write_end)
        given = {
            "nonce": self.nonce,
            "mode": settings["mode"],
            "root": root,
            "files": [entry["path"] for entry in self.entries],
            "together": self.together,
            "loaded": settings.get("together", []),
            "own": settings["own"],
            "canaries": self.canaries,
            "testSeconds": limits["testMs"] / 1000,
        }
        try:
            child.stdin.write(json.dumps(given).encode("utf-8"))
            child.stdin.close()
        except OSError:
            pass
        kind = "commandMs" if self.together else "fileMs" if settings["mode"] == "test" else "loadMs"
        self.listen(child, read_end, limits[kind] / 1000, limits["silenceMs"] / 1000)
        os.close(read_end)
        child.stderr.close()
        return self

    def listen(self, child, read_end: int, total: float, silence: float) -> None:
        """Hears the child until it has ended. A process that it left behind may hold its pipes open."""
        self.heard = time.monotonic()
        end = self.heard + total
        with selectors.DefaultSelector() as selector:
            selector.register(read_end, selectors.EVENT_READ, self.take)
            selector.register(child.stderr.fileno(), selectors.EVENT_READ, self.take_error)
            ended = False
            while selector.get_map():
                ready = selector.select(0 if ended else 0.1)
                for key, _ in ready:
                    chunk = os.read(key.fd, 65536)
                    if chunk:
                        key.data(chunk)
                    else:
                        selector.unregister(key.fd)
                if ended and not ready:
                    break
                now = time.monotonic()
                if self.stopped is None and (now > end or now - self.heard > silence):
                    self.stopped = silence if now - self.heard > silence else total
                    kill_group(child.pid)
                if child.poll() is not None:
                    ended = True
                    kill_group(child.pid)
        self.code = child.wait()
        kill_group(child.pid)

    def take_error(self, chunk: bytes) -> None:
        self.errors = (self.errors + chunk)[-6000:]

    def take(self, chunk: bytes) -> None:
        *whole, self.pending = (self.pending + chunk).split(b"\n")
        for line in whole:
            body = line[65:].decode("utf-8", errors="replace")
            sealed = f"{self.nonce}{self.sequence}{body}{self.nonce}".encode("utf-8")
            if line[:64].decode("ascii", errors="replace") != hashlib.sha256(sealed).hexdigest():
                self.foreign += 1
                continue
            self.sequence += 1
            self.heard = time.monotonic()
            self.hear(json.loads(body))
        if len(self.pending) > 1_000_000:
            self.pending = b""
            self.foreign += 1

    def hear(self, line: dict) -> None:
        kind = line.pop("kind")
        if self.together and kind in ("at", "found", "unloaded", "test", "ran", "apart"):
            self.hear_of_file(kind, line)
        elif kind == "start":
            self.running = line["name"]
        elif kind in self.lines:
            if kind == "test" and line["name"] == self.running:
                self.running = None
            self.lines[kind].append(line)
        elif kind == "canary":
            self.canary[line["which"]] = line
        elif kind == "tampered":
            self.tampered.append(line["what"])
        elif kind == "unloaded":
            self.unloaded = line
        elif kind == "finished":
            self.finished = line

    def hear_of_file(self, kind: str, line: dict) -> None:
        if kind == "at":
            self.at = self.files.setdefault(
                line["file"], {"tests": [], "unloaded": None, "found": False, "ran": False}
            )
            self.running = None
        elif kind == "apart":
            self.apart.add(line["file"])
        elif kind == "test":
            self.running = None
            self.at["tests"].append(line)
        elif kind == "unloaded":
            self.at["unloaded"] = line
        else:
            self.at[kind] = True

    def why_not_believed(self):
        """Why no pass of the file counts; None when all is as it should be."""
        because = "the results of this file cannot be believed: "
        if self.foreign > 0:
            return because + "something in the project wrote to the channel of the results"
        if self.tampered:
            return because + "something in the project replaced " + ", ".join(self.tampered)
        must_fail = [self.canary.get(which) for which in ("fails", "asserts")]
        if any(one is not None and one["status"] == "pass" for one in must_fail):
            return because + "a test that has to fail passed in it"
        if self.finished is None or not any(one["status"] == "pass" for one in self.lines["test"]):
            return None
        for one in must_fail:
            if one is None or one["status"] != "fail" or self.canaries["message"] not in one["message"]:
                return because + "a test that has to fail did not run in it as it should"
        if self.canary.get("passes", {}).get("status") != "pass":
            return because + "a test that has to pass failed in it"
        return None

    def cannot_run(self):
        """Why nothing can be said of the file here, and the package that it needs; (None, None) when it just failed."""
        needs = self.unloaded.get("needs")
        if needs is not None:
            return not_installed(needs), needs
        return self.unloaded.get("why"), None

    def unfinished(self) -> str:
        during = "" if self.running is None else f" while “{self.running[:200]}” was running"
        if self.stopped is not None:
            return f"it did not end within {round(self.stopped)} seconds{during}, and was stopped"
        how = f"exit code {self.code}"
        if self.code is not None and self.code < 0:
            how = f"the signal {signal.Signals(-self.code).name}"
        words = self.errors.decode("utf-8", errors="replace").replace(self.settings["root"] + "/", "").strip()
        tail = "\n".join(words.split("\n")[-8:])[-1500:]
        return f"its process ended with {how}{during}" + (f"\n{tail}" if tail else "")


def not_installed(package: str) -> str:
    # Where a person has several interpreters, which one was used is what they have to know.
    python = os.environ.get("GUILDHALL_PYTHON")
    where = "" if python is None else f" for {python}"
    return f"it needs {package}, which is not installed{where}"


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as report:
        code = Runner(json.loads(sys.stdin.buffer.read()), report).run()
    sys.exit(code)
