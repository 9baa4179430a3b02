"""Assertions of Python tests, counted: those of unittest and the `assert` statements of the test file itself.

Each is attributed to the test that makes it. One that fails although its test passes is remembered, and one that could
not have failed (a value that equals everything) is made to fail.
"""

import ast
import functools
import secrets
import sys
import threading
import types
import unittest
import unittest._log
import unittest.case
from operator import contains, eq, ge, gt, is_, is_not, le, lt, ne

# unittest leaves the frames of such modules out of what it shows.
__unittest = True

OPERATORS = {
    "Eq": ("==", eq),
    "NotEq": ("!=", ne),
    "Lt": ("<", lt),
    "LtE": ("<=", le),
    "Gt": (">", gt),
    "GtE": (">=", ge),
    "Is": ("is", is_),
    "IsNot": ("is not", is_not),
    "In": ("in", lambda left, right: contains(right, left)),
    "NotIn": ("not in", lambda left, right: not contains(right, left)),
}
CONTEXTS = {"assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex", "assertLogs", "assertNoLogs"}
EQUALITIES = {
    *("assertEqual", "assertEquals", "assertSequenceEqual", "assertListEqual", "assertTupleEqual"),
    *("assertSetEqual", "assertDictEqual", "assertMultiLineEqual", "assertCountEqual"),
}
# What holds of a coroutine or a generator whatever it would give.
ALWAYS = {"assertTrue", "assertIsNotNone", "assertNotEqual", "assertIsNot"}
UNSTARTED = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)


class Record:
    """What is known of one test while it runs and after."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.asserted = 0
        self.failing = []
        self.problem = None
        self.done = False


class Watch:
    """Which test is running, and where its file is."""

    def __init__(self) -> None:
        self.current = None
        self.file = ""
        self.nested = threading.local()

    def record(self):
        """The test that the calling thread belongs to."""
        return getattr(threading.current_thread(), "_guildhall_owner", None) or self.current

    def depth(self) -> int:
        return getattr(self.nested, "depth", 0)


watch = Watch()


def note_failed(record, error: BaseException, frame) -> None:
    """Remembers a failed assertion of the test file."""
    if record is not None and frame.f_code.co_filename == watch.file:
        message = f"{type(error).__name__}: {error}"
        record.failing.append((error, frame.f_lineno, message[:1000]))


def note_passed(record, frame) -> None:
    """An assertion that is tried again until it holds is no failure."""
    if record is not None and record.failing and frame.f_code.co_filename == watch.file:
        record.failing = [one for one in record.failing if one[1] != frame.f_lineno]


def note_wanted(error) -> None:
    """`assertRaises` was waiting for this very error."""
    record = watch.record()
    if record is not None:
        record.failing = [one for one in record.failing if one[0] is not error]


def counted(name: str, original):
    @functools.wraps(original)
    def wrapper(self, *args, **kwargs):
        frame = sys._getframe(1)
        if watch.depth() > 0 or (name in CONTEXTS and not called_at_once(name, args, kwargs)):
            return original(self, *args, **kwargs)
        record = watch.record()
        if record is not None:
            record.asserted += 1
        watch.nested.depth = 1
        try:
            result = original(self, *args, **kwargs)
            if name in EQUALITIES:
                refuse_equal_to_all(*args[:2])
            elif name == "assertIn" and len(args) > 1:
                refuse_holds_all(args[1])
        except self.failureException as error:
            note_failed(record, error, frame)
            raise
        finally:
            watch.nested.depth = 0
        doubt = unawaited(*args[:2]) if name in ALWAYS else None
        if doubt is None:
            note_passed(record, frame)
        else:
            note_failed(record, AssertionError(doubt), frame)
        return result

    return wrapper


def called_at_once(name: str, args, kwargs) -> bool:
    """Whether `assertRaises` and the like are given what to call; else they assert nothing until they are entered."""
    if name in ("assertLogs", "assertNoLogs"):
        return False
    return len(args) > (2 if name.endswith("Regex") else 1)


def install() -> dict:
    """Counts from now on; gives what must still be there when the tests have run: {"owner.name": (owner, name, value)}."""
    case = unittest.TestCase
    for name in dir(case):
        if (name.startswith("assert") or name.startswith("fail")) and isinstance(
            getattr(case, name), types.FunctionType
        ):
            setattr(case, name, counted(name, getattr(case, name)))
    for context in (
        unittest.case._AssertRaisesContext,
        unittest.case._AssertWarnsContext,
        unittest._log._AssertLogsContext,
    ):
        count_entering(context)
    kept = {}
    for owner in (
        *(case, unittest.IsolatedAsyncioTestCase, unittest.TestSuite, unittest.BaseTestSuite, unittest.TestResult),
        *(unittest.case._Outcome, unittest.case._AssertRaisesContext, unittest.case._AssertRaisesBaseContext),
    ):
        for name, value in list(vars(owner).items()):
            if callable(value) or isinstance(value, (staticmethod, classmethod, property)):
                kept[f"{owner.__name__}.{name}"] = (owner, name, value)
    return kept


def count_mocks() -> None:
    """What mocks assert counts as well. Called when tests begin: the module is large, and few tests need it."""
    mock = sys.modules.get("unittest.mock")
    base = getattr(mock, "NonCallableMock", None)
    if base is None or base in counted_mocks:
        return
    counted_mocks.add(base)
    for owner in (base, getattr(mock, "AsyncMockMixin", None)):
        for name, original in list(vars(owner).items()) if owner else ():
            if name.startswith("assert_") and isinstance(original, types.FunctionType):
                setattr(owner, name, counted_call(original))


counted_mocks = set()


def counted_call(original):
    @functools.wraps(original)
    def wrapper(self, *args, **kwargs):
        frame = sys._getframe(1)
        if watch.depth() > 0:
            return original(self, *args, **kwargs)
        record = watch.record()
        if record is not None:
            record.asserted += 1
        watch.nested.depth = 1
        try:
            result = original(self, *args, **kwargs)
        except AssertionError as error:
            note_failed(record, error, frame)
            raise
        finally:
            watch.nested.depth = 0
        note_passed(record, frame)
        return result

    return wrapper


def replaced(kept: dict) -> list:
    """Names of what was put in the place of something of unittest."""
    return [what for what, (owner, name, value) in kept.items() if vars(owner).get(name) is not value]


def count_entering(context) -> None:
    enter, leave = context.__enter__, context.__exit__

    @functools.wraps(enter)
    def __enter__(self):
        record = watch.record()
        if record is not None and watch.depth() == 0:
            record.asserted += 1
        return enter(self)

    @functools.wraps(leave)
    def __exit__(self, kind, value, trace):
        wanted = leave(self, kind, value, trace)
        if wanted and value is not None:
            note_wanted(value)
        return wanted

    context.__enter__, context.__exit__ = __enter__, __exit__


# --- `assert` statements -------------------------------------------------------------------------------------------

# No identifier of a program can be one of these.
COMPARE, TRUE, WHY = "@guildhall_compare", "@guildhall_true", "@guildhall_why"


class CountAsserts(ast.NodeTransformer):
    """`assert a == b` becomes `assert @compare(a, b, "Eq"), @why()`; lines and messages stay as they are."""

    def visit_Assert(self, node: ast.Assert):
        self.generic_visit(node)
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            kind = ast.Constant(type(test.ops[0]).__name__)
            call = ast.Call(ast.Name(COMPARE, ast.Load()), [test.left, test.comparators[0], kind], [])
        else:
            call = ast.Call(ast.Name(TRUE, ast.Load()), [test, ast.Constant(ast.unparse(test)[:300])], [])
        message = node.msg or ast.Call(ast.Name(WHY, ast.Load()), [], [])
        made = ast.copy_location(ast.Assert(call, message), node)
        ast.copy_location(call, test)
        return ast.fix_missing_locations(made)


def compiled(source: bytes, path: str):
    """The code of a test file, with its asserts counted."""
    tree = ast.parse(source, path)
    return compile(CountAsserts().visit(tree), path, "exec", dont_inherit=True)


def helpers() -> dict:
    """What compiled test files need among their globals."""
    last = threading.local()

    def judge(holds: bool, why: str, frame) -> bool:
        record = watch.record()
        last.why = why
        if record is not None and watch.depth() == 0:
            record.asserted += 1
            if holds:
                note_passed(record, frame)
            else:
                note_failed(record, AssertionError(why), frame)
        return holds

    def doubted(doubt, frame) -> bool:
        record = watch.record()
        if record is not None and watch.depth() == 0:
            record.asserted += 1
            note_failed(record, AssertionError(doubt), frame)
        return True

    def compare(left, right, kind):
        sign, operate = OPERATORS[kind]
        holds = bool(operate(left, right))
        if holds and kind in ("NotEq", "IsNot"):
            doubt = unawaited(left, right)
            if doubt is not None:
                return doubted(doubt, sys._getframe(1))
        why = "" if holds else f"{shown(left)} {sign} {shown(right)} does not hold"
        if holds and kind == "Eq":
            doubt = equal_to_all(left) or equal_to_all(right)
            if doubt is not None:
                holds, why = False, doubt
        return judge(holds, why, sys._getframe(1))

    def true(value, text):
        holds = bool(value)
        doubt = unawaited(value)
        if doubt is not None:
            return doubted(doubt, sys._getframe(1))
        return judge(holds, "" if holds else f"{text} does not hold", sys._getframe(1))

    return {COMPARE: compare, TRUE: true, WHY: lambda: getattr(last, "why", "")}


def unawaited(*values):
    """A sentence when the first of `values` is a coroutine or a generator and no other is; else None."""
    if not values or not isinstance(values[0], UNSTARTED) or isinstance(values[-1], UNSTARTED) and len(values) > 1:
        return None
    kind = type(values[0]).__name__.replace("_", " ")
    what = "await it" if kind == "coroutine" else "look at what it yields"
    return f"an assertion was given a {kind}, of which it always holds: {what}"


def shown(value) -> str:
    try:
        text = repr(value)
    except Exception:
        return "a value that cannot be shown"
    return text if len(text) <= 300 else text[:300] + " …"


# --- Values that equal everything ------------------------------------------------------------------------------------

PLAIN = (str, int, float, bool, bytes, complex, type(None))


def refuse_equal_to_all(*values) -> None:
    for value in values:
        doubt = equal_to_all(value)
        if doubt is not None:
            raise AssertionError(doubt)


def equal_to_all(value, depth: int = 0, left=None):
    """A sentence when `value`, or something in it, equals values that nobody has ever seen before; else None."""
    kind = type(value)
    if kind in PLAIN or depth > 4:
        return None
    # Of something large only the beginning is looked at.
    left = [500] if left is None else left
    left[0] -= 1
    if left[0] < 0:
        return None
    if kind in (list, tuple, set, frozenset, dict):
        inside = [*value.values()] if kind is dict else [*value]
        for one in inside[:200]:
            doubt = equal_to_all(one, depth + 1, left)
            if doubt is not None:
                return doubt
        return None
    if not is_project_code(kind.__eq__):
        return None
    for fresh in fresh_values():
        try:
            if (value == fresh) is True:
                return (
                    f"a {kind.__name__} equals {fresh!r} as well, and every other {type(fresh).__name__}: "
                    "its __eq__ does not compare, so comparing with it proves nothing"
                )
        except Exception:
            continue
    return None


def refuse_holds_all(container) -> None:
    if is_project_code(getattr(type(container), "__contains__", None)):
        fresh = secrets.token_hex(8)
        try:
            holds = fresh in container
        except Exception:
            return
        if holds:
            raise AssertionError(f"a {type(container).__name__} holds {fresh!r} as well: its __contains__ does not look")


def is_project_code(function) -> bool:
    """Written by hand in the project, and not in its tests: those may well use objects that equal a whole kind."""
    if not isinstance(function, types.FunctionType):
        return False
    path = function.__code__.co_filename
    inside = path.startswith(watch.root + "/") and "test" not in path[len(watch.root) :].lower()
    return inside and "/site-packages/" not in path


def fresh_values():
    word = secrets.token_hex(8)
    number = secrets.randbits(60)
    return [word, number, word.encode(), float(number), object(), [word], (word,), {word: number}]


watch.root = ""
