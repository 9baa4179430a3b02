"""Tells the result of each Python test, one line for each, when it is over."""

import gc
import os
import signal
import sys
import traceback
import unittest
from hashlib import sha256

from python_checks import Record, count_mocks, watch

__unittest = True

loops = {"ran": False}
# Modules that are being written: one of them that is not there yet is no package.
own_files = []


def collect_garbage() -> None:
    """Errors of tasks that nobody waited for are told when the task is thrown away."""
    if loops["ran"]:
        loops["ran"] = False
        gc.collect()


class TestTimeout(BaseException):
    """Not an Exception: code under test that catches those must not go on."""


class Reporter(unittest.TestResult):
    """Sends one line for each test when it is over."""

    def __init__(self, send, root: str, seconds: float, canary: str = "") -> None:
        super().__init__()
        self.send = send
        self.root = root
        self.seconds = seconds
        self.canary = canary
        self.told = 0
        self.seen = set()
        self.holders = {}
        self.status = None
        self.record = None

    def startTest(self, test) -> None:
        super().startTest(test)
        collect_garbage()
        self.status = None
        count_mocks()
        self.record = watch.current = Record(name_of(test))
        self.seen.add(id(test))
        if not self.canary:
            self.send(kind="start", name=self.record.name)
        signal.setitimer(signal.ITIMER_REAL, self.seconds, 1)

    def stopTest(self, test) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        super().stopTest(test)
        if self.status is None:
            # Nobody said how it ended: an interrupt, or something that is no error for unittest.
            err = sys.exc_info()
            self.status = "fail"
            self.record.problem = describe(err, self.root) if err[0] else {"message": "it ended without a result"}
        self.emit(self.record)

    def addSuccess(self, test) -> None:
        super().addSuccess(test)
        if self.status is None:
            self.status = "pass"

    def emit(self, record) -> None:
        status = "fail" if record.problem is not None and self.status == "pass" else self.status
        record.done = True
        problem = record.problem or {}
        if self.canary:
            message = problem.get("message", "")
            self.send(kind="canary", which=record.name.rpartition("_")[2], status=status, message=message)
            return
        self.told += 1
        record.number = self.told
        line = {"kind": "test", "number": self.told, "name": record.name, "status": status}
        if record.asserted:
            line["asserted"] = record.asserted
        if status == "pass" and record.failing:
            line["swallowed"] = record.failing[0][2]
        self.send(**line, **({} if status == "pass" else problem))

    def fail_with(self, err) -> None:
        self.status = "fail"
        if self.record.problem is None:
            self.record.problem = describe(err, self.root)

    def addError(self, test, err) -> None:
        super().addError(test, err)
        if isinstance(test, unittest.TestCase) or self.is_running(test):
            self.fail_with(err)
        else:
            # setUpClass or setUpModule: there is no startTest and no stopTest around it.
            self.holders[str(test)] = ("fail", describe(err, self.root))

    def is_running(self, test) -> bool:
        return self.record is not None and not self.record.done and hasattr(test, "test_case")

    def addFailure(self, test, err) -> None:
        super().addFailure(test, err)
        self.fail_with(err)

    def addSubTest(self, test, subtest, err) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.fail_with(err)

    def addSkip(self, test, reason) -> None:
        super().addSkip(test, reason)
        told = {"message": str(reason)[:500]}
        if self.record is not None and not self.record.done:
            if self.status is None:
                self.status = "skip"
                self.record.problem = self.record.problem or told
        else:
            self.holders[str(test)] = ("skip", told)

    def addExpectedFailure(self, test, err) -> None:
        super().addExpectedFailure(test, err)
        self.status = "skip"
        self.record.problem = {"message": "it was expected to fail, and it did"}

    def addUnexpectedSuccess(self, test) -> None:
        super().addUnexpectedSuccess(test)
        self.status = "fail"
        self.record.problem = {"message": "it was expected to fail and passed"}

    def tell_others(self, tests) -> None:
        """Tests that were never begun, because something around them failed or was skipped."""
        for test in tests:
            if id(test) in self.seen:
                continue
            kind = type(test)
            names = (f"({kind.__module__}.{kind.__qualname__})", f"({kind.__module__})")
            found = [why for holder, why in self.holders.items() if holder.endswith(names)]
            status, told = found[0] if found else ("fail", {"message": "it was not run"})
            record = Record(name_of(test))
            self.status, record.problem = status, told
            self.emit(record)


def describe(err, root: str) -> dict:
    """{"message", "frame"} of an error; the frame is the innermost one in the project."""
    kind, value, trace = err
    frame = None
    for entry in traceback.extract_tb(trace):
        inside = place(entry.filename, entry.lineno, root)
        frame = inside or frame
    if isinstance(value, SyntaxError) and value.filename:
        frame = place(value.filename, value.lineno or 1, root) or frame
    try:
        text = str(value)
    except Exception:
        text = "an error that cannot be shown"
    if kind is TestTimeout:
        return {"message": text, **({"frame": frame} if frame else {})}
    problem = {"message": f"{kind.__name__}: {text}"[:2000]}
    if frame is not None:
        problem["frame"] = frame
    needs = missing_package(value, root)
    if needs is not None:
        problem["needs"] = needs
    return problem


def missing_package(error, root: str):
    """The package that an error, or what it comes from, says is not there; None when it is one of the project's modules."""
    for _ in range(4):
        if isinstance(error, ModuleNotFoundError) and error.name:
            top = error.name.partition(".")[0]
            if top not in sys.stdlib_module_names and not in_project(top, root):
                return top
        within = getattr(error, "__context__", None)
        # What goes wrong in place of a package that is not there is a fault of its own, unless it says why.
        told = isinstance(within, ModuleNotFoundError) and within.name and within.name in str(error)
        error = getattr(error, "__cause__", None) or (within if told else None)
    return None


def in_project(name: str, root: str) -> bool:
    if any(name in path[: -len(".py")].split("/") for path in own_files):
        return True
    for folder in sys.path:
        if folder == root or folder.startswith(root + "/"):
            if os.path.isdir(os.path.join(folder, name)) or os.path.isfile(os.path.join(folder, name + ".py")):
                return True
    return False


def place(path: str, line, root: str):
    # `<frozen importlib._bootstrap>` is no file.
    if path.startswith("<") or line is None:
        return None
    path = os.path.abspath(path)
    if not path.startswith(root + "/") or "/site-packages/" in path:
        return None
    return {"file": path[len(root) + 1 :], "line": line}


def name_of(test) -> str:
    # A base class of tests may answer for every name.
    label = vars(test).get("label")
    if label is not None:
        return label
    if hasattr(test, "_dt_test"):
        return f"doctest > {test._dt_test.name}"
    if isinstance(test, unittest.FunctionTestCase):
        return test.shortDescription() or str(test)
    return short(f"{type(test).__qualname__} > {test._testMethodName}")


def short(name: str) -> str:
    if len(name) <= 600:
        return name
    return f"{name[:500]} … {sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
