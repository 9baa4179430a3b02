"""Runs unittest files and reports each test, in the lines that node-reporter.mjs describes.

Two processes: this one holds the key and seals the report; a second one runs the tests and hands their results over a
pipe. A test that ends its process, forks, or prints a summary of its own changes nothing here: files whose end was not
reported are reported as unfinished.
"""

import hashlib
import hmac
import importlib
import importlib.util
import inspect
import json
import os
import select
import signal
import subprocess
import sys
import traceback
import unittest

TEST_SECONDS = 30


def main() -> int:
    if sys.argv[1] == "--child":
        return run_tests(int(sys.argv[2]), sys.argv[3:])
    return supervise(sys.argv[1], sys.argv[2:])


def supervise(report_path: str, files: list[str]) -> int:
    key = sys.stdin.buffer.read()
    seal = hmac.new(key, digestmod=hashlib.sha256)
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), "--child", str(write_end), *files],
        pass_fds=[write_end],
        stdin=subprocess.DEVNULL,
    )
    os.close(write_end)
    waiting = list(files)
    failed = False
    with open(report_path, "w", encoding="utf-8") as report:

        def write(text: str) -> None:
            seal.update(text.encode("utf-8"))
            report.write(text)

        for line in lines_of(read_end, child):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event["kind"] == "file" and event["file"] in waiting:
                waiting.remove(event["file"])
            failed = failed or event.get("status") == "fail" or bool(event.get("failed"))
            write(json.dumps(event) + "\n")
        code = child.wait()
        for file in waiting:
            message = f"the run ended before this file did (exit code {code})"
            write(json.dumps({"kind": "file", "file": file, "finished": False, "failed": True, "message": message}) + "\n")
        report.write(json.dumps({"kind": "end", "mac": seal.hexdigest()}) + "\n")
    return 1 if failed or waiting or code != 0 else 0


def lines_of(read_end: int, child):
    """Lines until the child says it is done or ends. A process that a test left behind may hold the pipe open."""
    pending = b""
    while True:
        ready, _, _ = select.select([read_end], [], [], 0.2)
        if ready:
            chunk = os.read(read_end, 65536)
            if not chunk:
                return
            *whole, pending = (pending + chunk).split(b"\n")
            for line in whole:
                if line == DONE:
                    return
                yield line.decode("utf-8", errors="replace")
        elif child.poll() is not None:
            return


DONE = b'{"kind": "done"}'


class Reporter(unittest.TestResult):
    """Sends one line for each test when it is over."""

    def __init__(self, send, file: str) -> None:
        super().__init__()
        self.send = send
        self.file = file
        self.problem = None
        self.status = "pass"
        self.broken = False

    def startTest(self, test) -> None:
        super().startTest(test)
        self.status, self.problem = "pass", None
        signal.alarm(TEST_SECONDS)

    def stopTest(self, test) -> None:
        signal.alarm(0)
        super().stopTest(test)
        self.emit(name_of(test))

    def emit(self, name: str) -> None:
        event = {"kind": "test", "file": self.file, "name": name, "status": self.status}
        self.send({**event, **(self.problem or {})})

    def fail_with(self, err) -> None:
        self.status = "fail"
        if self.problem is None:
            self.problem = describe(err)

    def addError(self, test, err) -> None:
        super().addError(test, err)
        self.fail_with(err)
        if not isinstance(test, unittest.TestCase):
            # setUpClass or setUpModule: there is no startTest and no stopTest around it.
            self.problem = describe(err)
            self.emit(str(test))

    def addFailure(self, test, err) -> None:
        super().addFailure(test, err)
        self.fail_with(err)

    def addSubTest(self, test, subtest, err) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.fail_with(err)

    def addSkip(self, test, reason) -> None:
        super().addSkip(test, reason)
        self.status = "skip"

    def addUnexpectedSuccess(self, test) -> None:
        super().addUnexpectedSuccess(test)
        self.status = "fail"
        self.problem = {"message": "it was expected to fail and passed"}


def run_tests(write_end: int, files: list[str]) -> int:
    root = os.getcwd()
    sys.path[0] = root
    source = os.path.join(root, "src")
    if os.path.isdir(source):
        sys.path.insert(1, source)
    owner = os.getpid()
    os.set_inheritable(write_end, False)

    def send(event: dict) -> None:
        # A test that forks must not have its results counted twice.
        if os.getpid() == owner:
            data = (json.dumps(event) + "\n").encode("utf-8")
            while data:
                data = data[os.write(write_end, data) :]

    def on_alarm(_signal, _frame):
        raise TimeoutError(f"the test took longer than {TEST_SECONDS} seconds")

    signal.signal(signal.SIGALRM, on_alarm)
    ok = True
    for file in files:
        try:
            suite = load(file)
        except BaseException:
            if os.getpid() != owner:
                os._exit(1)
            problem = describe(sys.exc_info())
            send({"kind": "file", "file": file, "finished": False, "failed": True, **problem})
            ok = False
            continue
        result = Reporter(send, file)
        suite.run(result)
        if os.getpid() != owner:
            os._exit(0)
        send({"kind": "file", "file": file, "finished": True, "failed": not result.wasSuccessful()})
        ok = ok and result.wasSuccessful()
    send({"kind": "done"})
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that tests left behind must not keep the run from ending.
    os._exit(0 if ok else 1)


def load(file: str) -> unittest.TestSuite:
    stem = file[: -len(".py")]
    parts = stem.split("/")
    if all(part.isidentifier() for part in parts):
        module = importlib.import_module(".".join(parts))
    else:
        spec = importlib.util.spec_from_file_location(parts[-1].replace("-", "_"), file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    # Plain functions, as pytest runs them, as long as they take no fixtures.
    for name, value in sorted(vars(module).items()):
        if not name.startswith("test") or not inspect.isfunction(value):
            continue
        if value.__module__ == module.__name__ and not inspect.signature(value).parameters:
            suite.addTest(unittest.FunctionTestCase(value, description=name))
    return suite


def name_of(test) -> str:
    if isinstance(test, unittest.FunctionTestCase):
        return test.shortDescription() or str(test)
    return f"{type(test).__qualname__} > {test._testMethodName}"


def describe(err) -> dict:
    kind, value, trace = err
    root = os.getcwd()
    frame = None
    for entry in traceback.extract_tb(trace):
        path = os.path.abspath(entry.filename)
        if path.startswith(root + os.sep):
            frame = {"file": os.path.relpath(path, root), "line": entry.lineno}
    if isinstance(value, SyntaxError) and value.filename:
        path = os.path.abspath(value.filename)
        if path.startswith(root + os.sep):
            frame = {"file": os.path.relpath(path, root), "line": value.lineno or 1}
    problem = {"message": f"{kind.__name__}: {value}"[:2000]}
    if frame is not None:
        problem["frame"] = frame
    return problem


if __name__ == "__main__":
    sys.exit(main())
