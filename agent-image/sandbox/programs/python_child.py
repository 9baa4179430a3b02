"""Runs Python test files, most often one, or loads a module, and tells python_runner.py what came of it.

Project code shares this process: all that is needed to tell the truth is taken before any of it is loaded.
"""

import sys

# What Python itself had imported before anybody could put a file in its way.
STARTUP = frozenset(sys.modules)

import asyncio
import asyncio.base_events
import atexit
import gc
import inspect
import json
import os
import signal
import threading
import time
import types
import unittest
import warnings
from _json import encode_basestring_ascii as quoted
from hashlib import sha256

import python_checks
from python_checks import watch
from python_collect import collect, finds_its_own, flattened, load_file, own_modules, prepare_path
from python_report import Reporter, TestTimeout, collect_garbage, describe, loops, missing_package, own_files, short

__unittest = True

GRACE_SECONDS = 2.0


def channel(descriptor: int, nonce: str):
    """A function that sends one line with a code over a running number and the text."""
    owner = os.getpid()
    getpid, write, hashed = os.getpid, os.write, sha256
    sequence = 0

    def encoded(value) -> str:
        if isinstance(value, str):
            return quoted(value)
        if value is True or value is False:
            return "true" if value else "false"
        if isinstance(value, int):
            return int.__repr__(value)
        return "{" + ",".join([quoted(key) + ":" + encoded(one) for key, one in value.items()]) + "}"

    def send(**line) -> None:
        nonlocal sequence
        # A test that forks must not have its results counted twice.
        if getpid() != owner:
            return
        text = encoded(line)
        code = hashed((nonce + str(sequence) + text + nonce).encode("utf-8", "surrogatepass")).hexdigest()
        sequence += 1
        data = (code + " " + text + "\n").encode("utf-8", "surrogatepass")
        while data:
            try:
                data = data[write(descriptor, data) :]
            except OSError:
                return

    return send


def must_return_nothing(result) -> None:
    """Fails a test whose body never ran, or that hands back what it should have asserted."""
    if result is None:
        return
    if inspect.iscoroutine(result):
        result.close()
        raise AssertionError("it is async, so its body never ran: use unittest.IsolatedAsyncioTestCase")
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise AssertionError("it holds a yield, so its body never ran: a test is a plain function")
    raise AssertionError(f"it returned a {type(result).__name__}, and a test must return nothing: assert instead")


def call_plain(self, method) -> None:
    try:
        must_return_nothing(method())
    except KeyboardInterrupt as error:
        # unittest would end the whole run for it.
        raise AssertionError("KeyboardInterrupt was raised") from error


def call_async(self, method) -> None:
    must_return_nothing(self._callMaybeAsync(method))


def watch_errors(send, root: str):
    """Errors that go nowhere (threads, tasks, finalizers, exit functions) belong to the test that began them.

    Gives the function that runs the exit functions: what a test left for the end of Python is a part of the test.
    """

    def note(record, err) -> None:
        problem = describe(err, root)
        if record is None or record.done:
            number = {} if record is None or record.number == 0 else {"number": record.number}
            send(kind="late", **number, **problem)
        elif record.problem is None:
            record.problem = problem

    start, hook = threading.Thread.start, threading.excepthook

    def start_watched(self) -> None:
        owner = self._guildhall_owner = watch.record()
        run = self.run

        def run_watched() -> None:
            try:
                run()
            except SystemExit:
                raise
            except BaseException as error:
                # A project that handles its threads' errors is asked about assertions only.
                if isinstance(error, AssertionError) or threading.excepthook is hook:
                    note(owner, sys.exc_info())
                raise

        self.run = run_watched
        start(self)

    threading.Thread.start = start_watched
    unraisable = sys.unraisablehook

    def on_unraisable(info) -> None:
        if info.exc_value is not None and not isinstance(info.exc_value, TestTimeout):
            note(watch.record(), (info.exc_type, info.exc_value, info.exc_traceback))
        unraisable(info)

    sys.unraisablehook = on_unraisable
    loop = asyncio.base_events.BaseEventLoop
    handle, run_forever = loop.default_exception_handler, loop.run_forever

    def on_task_error(self, context) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            note(watch.record(), (type(error), error, error.__traceback__))
        handle(self, context)

    def run_watched_loop(self) -> None:
        loops["ran"] = True
        run_forever(self)

    loop.default_exception_handler = on_task_error
    loop.run_forever = run_watched_loop
    run_all = atexit._run_exitfuncs
    register, unregister, given = atexit.register, atexit.unregister, []

    def register_watched(function, /, *args, **kwargs):
        owner = watch.record()

        def run() -> None:
            try:
                function(*args, **kwargs)
            except (SystemExit, TestTimeout):
                # An exit that is asked for while Python ends changes nothing; what takes too long is no error.
                pass
            except BaseException:
                note(owner, sys.exc_info())

        given.append((function, run))
        register(run)
        return function

    def unregister_watched(function) -> None:
        for one, run in given:
            if one == function:
                unregister(run)
        unregister(function)

    atexit.register, atexit.unregister = register_watched, unregister_watched

    def run_exit_functions() -> None:
        # weakref.finalize tells of errors in this way.
        sys.excepthook = lambda kind, value, trace: note(watch.record(), (kind, value, trace))
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS, 1)
        try:
            run_all()
        except TestTimeout:
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return run_exit_functions


def wait_for_threads() -> None:
    """Threads that would keep Python from ending get a moment to say how they end."""
    end = time.monotonic() + GRACE_SECONDS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            threading.Thread.join(thread, max(0.0, end - time.monotonic()))
    loops["ran"] = True
    collect_garbage()


def load_failure(err, root: str) -> dict:
    """What an error while loading means: {"needs"} or {"why"} when the file cannot be run here, else the error."""
    kind, value, _ = err
    if isinstance(value, unittest.SkipTest):
        return {"why": f"it skips itself: {str(value)[:200]}"}
    # An empty folder passes for a package, of which a name cannot be imported then.
    empty = empty_folder(value.name, root) if isinstance(value, ImportError) and value.name else None
    if empty is not None:
        return {"why": f"it needs {empty}, a submodule that is not fetched"}
    needs = missing_package(value, root)
    return describe(err, root) if needs is None else {"needs": needs}


def empty_folder(name: str, root: str):
    """The empty folder in which a module was looked for. Git keeps none, so it is the place of a submodule."""
    for folder in sys.path:
        path = folder
        for part in name.split(".") if folder == root or folder.startswith(root + "/") else ():
            path = os.path.join(path, part)
            if os.path.isdir(path) and not os.listdir(path):
                return os.path.relpath(path, root)
    return None


CANARY = b"""
def asserts(value, other, message):
    assert value == value
    assert value == other, message
"""


def run_canaries(send, root: str, seconds: float, canaries: dict) -> None:
    """One test has to fail by unittest, one by `assert`, both with words that nobody knows; one has to pass."""
    value, other, message = canaries["value"], canaries["other"], canaries["message"]
    space = python_checks.helpers()
    exec(python_checks.compiled(CANARY, "<canary>"), space)

    def fails(self) -> None:
        self.assertEqual(value, value)
        self.assertTrue(value)
        self.assertEqual(value, other, message)

    def passes(self) -> None:
        self.assertEqual(value, value)
        self.assertNotEqual(value, other)

    bodies = {
        "test_fails": fails,
        "test_asserts": lambda self: space["asserts"](value, other, message),
        "test_passes": passes,
    }
    case = type("Canary", (unittest.TestCase,), bodies)
    unittest.TestSuite(map(case, bodies)).run(Reporter(send, root, seconds, canary="canary"))


def prepare_unittest(seconds: float) -> dict:
    """Makes unittest see what it overlooks; gives what must not be replaced from here on, by name."""
    kept = python_checks.install()
    unittest.TestCase._callTestMethod = call_plain
    unittest.IsolatedAsyncioTestCase._callTestMethod = call_async
    for case in (unittest.TestCase, unittest.IsolatedAsyncioTestCase):
        kept[f"{case.__name__}._callTestMethod"] = (case, "_callTestMethod", vars(case)["_callTestMethod"])
    for name, value in vars(Reporter).items():
        if callable(value):
            kept[f"Reporter.{name}"] = (Reporter, name, value)

    def on_alarm(_signal, _frame):
        raise TestTimeout(f"the test took longer than {seconds:g} seconds")

    signal.signal(signal.SIGALRM, on_alarm)
    return kept


def run_file(send, config: dict, run_exit_functions) -> None:
    root, file, seconds = config["root"], config["files"][0], config["testSeconds"]
    owner = os.getpid()
    watch.file, watch.root = os.path.join(root, file), root
    kept = prepare_unittest(seconds)
    main = unittest.main
    # A file that starts unittest itself, without asking whether it is the main one, is loaded all the same.
    unittest.main = lambda *args, **kwargs: None
    try:
        module = load_file(root, file, count=True)
        suite, unrun = collect(module, root)
    except BaseException:
        if os.getpid() != owner:
            os._exit(1)
        send(kind="unloaded", **load_failure(sys.exc_info(), root))
        return
    unittest.main = main
    for name, why in unrun:
        send(kind="unrun", **({} if name is None else {"name": short(name)}), why=why)
    tests = list(flattened(suite))
    reporter = Reporter(send, root, seconds)
    suite.run(reporter)
    if os.getpid() != owner:
        os._exit(0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    reporter.tell_others(tests)
    wait_for_threads()
    run_exit_functions()
    for what in python_checks.replaced(kept):
        send(kind="tampered", what=f"unittest’s {what}")
    watch.current = None
    run_canaries(send, root, seconds, config["canaries"])
    send(kind="finished", tests=reporter.told)


def run_together(send, config: dict) -> None:
    """Runs all files in this process, as unittest does: first each is loaded, then the tests of each are run.

    What comes after the end of a test, and whether the results can be believed, was asked of each file alone.
    """
    root, seconds, files = config["root"], config["testSeconds"], config["files"]
    own = {file: own_modules(root, file) for file in files}
    owner = os.getpid()
    watch.root = root
    prepare_unittest(seconds)
    main = unittest.main
    unittest.main = lambda *args, **kwargs: None
    suites = []
    for file in files:
        send(kind="at", file=file)
        watch.file = os.path.join(root, file)
        try:
            # Code that is loaded in the place of a test file has no tests that count.
            is_test = file not in config["loaded"]
            module = load_file(root, file, count=is_test, again=False)
            if is_test:
                suites.append((file, collect(module, root)[0]))
            send(kind="found")
        except BaseException:
            if os.getpid() != owner:
                os._exit(1)
            send(kind="unloaded", **load_failure(sys.exc_info(), root))
    unittest.main = main
    tell_apart(send, root, own)
    for file, suite in suites:
        send(kind="at", file=file)
        watch.file = os.path.join(root, file)
        tests = list(flattened(suite))
        reporter = Reporter(send, root, seconds)
        with warnings.catch_warnings():
            # unittest and pytest set the filters themselves, whatever an import did to them.
            warnings.simplefilter("default")
            suite.run(reporter)
        if os.getpid() != owner:
            os._exit(0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        reporter.tell_others(tests)
        send(kind="ran")
    tell_apart(send, root, own)
    send(kind="finished", tests=0)


def tell_apart(send, root: str, own: dict) -> None:
    """Tells of files that cannot share this process with the others, whatever the code does."""
    for file, modules in own.items():
        if not finds_its_own(root, modules):
            send(kind="apart", file=file)


def load_module(send, config: dict) -> None:
    watch.root = config["root"]
    try:
        load_file(config["root"], config["files"][0], count=False)
    except SystemExit:
        pass
    except BaseException:
        send(kind="unloaded", **load_failure(sys.exc_info(), config["root"]))
        return
    wait_for_threads()
    send(kind="finished", tests=0)


def main() -> None:
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    config = json.loads(sys.stdin.buffer.read())
    send = channel(descriptor, config.pop("nonce"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.argv[:] = config["files"][:1]
    sys.modules["__main__"] = types.ModuleType("__main__")
    if config["mode"] == "test":
        own_files.extend(config["own"])
    prepare_path(config["root"], config["files"], STARTUP)
    run_exit_functions = watch_errors(send, config["root"])
    if config["mode"] == "test" and config["together"]:
        run_together(send, config)
    elif config["mode"] == "test":
        run_file(send, config, run_exit_functions)
    else:
        load_module(send, config)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that tests left behind must not keep the process from ending.
    os._exit(0)


if __name__ == "__main__":
    main()
