"""Tests that a Python file declares, and what each of them asserts; for code_facts.py."""

import ast
import builtins
import sys

from code_text import Names, Source, dotted

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Chance and the clock are no conditions of a machine.
CHANGING = {"random", "secrets", "time", "datetime", "uuid"}
# How many tests at the end of a file are tried without, to see whether the file stays a valid one.
TRIED = 6


def own_nodes(function):
    """The nodes of a function that are not in a function or class within it."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))


def is_assertion(node) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.Raise):
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return raised is not None and dotted(raised).split(".")[-1] == "AssertionError"
    if not isinstance(node, ast.Call):
        return False
    name = called(node)
    if name.startswith("assert"):
        return True
    return name == "fail" and isinstance(node.func, ast.Attribute) and dotted(node.func.value) in ("self", "cls")


def is_check(node) -> bool:
    """An assertion that right code meets, too: neither a call of `fail`, nor an error that is raised by hand."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant) or bool(node.test.value)
    if not isinstance(node, ast.Call) or not is_assertion(node) or called(node) == "fail":
        return False
    if called(node) in ("assertTrue", "assertFalse") and node.args and isinstance(node.args[0], ast.Constant):
        return bool(node.args[0].value) is (called(node) == "assertTrue")
    return True


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def asserting_names(tree: ast.Module, is_one=is_assertion) -> set:
    """Names of the file's functions and methods that assert, by themselves or by way of another."""
    calls, found = {}, set()
    for node in ast.walk(tree):
        if not isinstance(node, FUNCTIONS):
            continue
        inner = list(ast.walk(node))
        if any(is_one(one) for one in inner):
            found.add(node.name)
        for one in inner:
            if isinstance(one, ast.Call) and called(one):
                calls.setdefault(called(one), set()).add(node.name)
    waiting = list(found)
    while waiting:
        for caller in calls.get(waiting.pop(), ()):
            if caller not in found:
                found.add(caller)
                waiting.append(caller)
    return found


def asserts(node, asserting: set) -> bool:
    """Whether a node is an assertion, or hands on to a function of the file that makes one."""
    if is_assertion(node):
        return True
    return isinstance(node, ast.Call) and called(node) in asserting


class Classes:
    """Which classes of a file the runner takes for test cases."""

    def __init__(self, tree: ast.Module, names: Names) -> None:
        self.names = names
        self.classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        self.used = set()
        for node in self.classes.values():
            for base in node.bases:
                self.used.add(dotted(base).split(".")[-1])

    def kind(self, node: ast.ClassDef, depth: int = 0) -> str:
        """`async`, `case`, `unknown` (a base from elsewhere) or `none`."""
        kinds = [self.kind_of_base(base, depth) for base in node.bases]
        for kind in ("async", "case", "unknown"):
            if kind in kinds:
                return kind
        return "none"

    def kind_of_base(self, base, depth: int) -> str:
        name = dotted(base)
        if not name:
            return "unknown"
        if name in self.classes:
            return "none" if depth > 20 else self.kind(self.classes[name], depth + 1)
        last = name.split(".")[-1]
        if last == "IsolatedAsyncioTestCase":
            return "async"
        if last == "TestCase":
            return "case"
        return "none" if name in ("object", "ABC", "Exception") else "unknown"

    def is_mixin(self, node: ast.ClassDef) -> bool:
        return node.name in self.used


def tests_of(source: Source, tree: ast.Module, asserting: set) -> list:
    names = Names(tree)
    found = []

    machine = Machine(tree, names)
    awaiting = awaited_failures(tree)

    def visit(body: list, suites: list, skipped: bool, repeated: bool, may_skip: bool) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                inner = [f"{suites[0]}.{node.name}"] if suites else [node.name]
                own = skipping(node, names, machine)
                skip = skipped or own == "always" or skips_in_set_up(node, machine) == "always"
                around = may_skip or own == "by-machine" or skips_in_set_up(node, machine) == "by-machine"
                visit(node.body, inner, skip, repeated, around)
            elif isinstance(node, FUNCTIONS) and node.name.startswith("test"):
                one = fact(source, node, suites, skipped, repeated, asserting, machine)
                inside = [skipped_by(inner, names, machine) for inner in ast.walk(node)]
                if may_skip or "by-machine" in [skipping(node, names, machine), *inside]:
                    one["skippable"] = "test"
                if any(id(inner) in awaiting for inner in ast.walk(node)):
                    one["awaitsError"] = True
                found.append((node, one))
            elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
                again = repeated or isinstance(node, (ast.For, ast.While))
                for part in ("body", "orelse", "finalbody"):
                    visit(getattr(node, part, []), suites, skipped, again, may_skip)

    visit(tree.body, [], False, False, False)
    for node, one in found[-TRIED:]:
        one["removable"] = stays_valid(source, node, one)
    return [one for _, one in found]


def fact(source: Source, node, suites: list, skipped: bool, repeated: bool, asserting: set, machine) -> dict:
    own = list(ast.walk(node))
    names = machine.names
    skips = skipped or "always" in [skipping(node, names, machine), *(skipped_by(one, names, machine) for one in own)]
    return {
        "name": node.name,
        "suites": suites,
        "line": node.lineno,
        "start": start_of(source, node),
        "end": source.offset(node.end_lineno, node.end_col_offset),
        "skip": skips,
        "todo": False,
        "only": False,
        "assertions": sum(1 for one in own if one is not node and asserts(one, asserting)),
        "repeated": repeated,
        "removable": False,
    }


def start_of(source: Source, node) -> int:
    """The start of a function with its decorators and the comments directly above them."""
    line = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    while line > 1 and source.line(line - 1).strip().startswith("#"):
        line -= 1
    return source.offset(line, 0)


class Machine:
    """Which conditions ask about the machine alone: its system, its version, what is installed."""

    def __init__(self, tree: ast.Module, names: Names) -> None:
        self.names = names
        self.parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def asks(self, node, depth: int = 0) -> bool:
        found = False
        for one in ast.walk(node):
            if isinstance(one, (ast.Lambda, ast.Await, ast.NamedExpr, ast.comprehension)):
                return False
            if not isinstance(one, ast.Name) or self.is_known(one):
                continue
            meaning = self.names.meaning(one)
            top = meaning.split(".")[0]
            if meaning and one.id in self.names.known:
                if top in CHANGING or top not in sys.stdlib_module_names:
                    return False
            elif depth > 8 or one.id not in self.names.assigned or not self.asks(self.names.assigned[one.id], depth + 1):
                return False
            found = True
        return found or any(isinstance(one, ast.Call) and dotted(one.func) == "__import__" for one in ast.walk(node))

    def is_known(self, node) -> bool:
        return hasattr(builtins, node.id) and node.id not in self.names.own

    def around(self, node) -> str:
        """What a skip comes to where it stands: under conditions of the machine alone, or not."""
        found = "always"
        while id(node) in self.parents:
            inner, node = node, self.parents[id(node)]
            if isinstance(node, ast.ExceptHandler):
                return "always"
            if isinstance(node, FUNCTIONS):
                return found
            if isinstance(node, (ast.If, ast.IfExp)) and node.test is not inner:
                if not self.asks(node.test):
                    return "always"
                found = "by-machine"
        return found


def skipping(node, names: Names, machine: Machine) -> str:
    """What the decorators of a test or a class come to: `never`, `by-machine` or `always` skipped."""
    found = "never"
    for one in getattr(node, "decorator_list", []):
        last = names.meaning(one.func if isinstance(one, ast.Call) else one).split(".")[-1]
        if last in ("skipIf", "skipUnless") and isinstance(one, ast.Call):
            condition = next(iter([*one.args, *(each.value for each in one.keywords if each.arg == "condition")]), None)
            if condition is None or not machine.asks(condition):
                return "always"
            found = "by-machine"
        elif last in ("skip", "skipIf", "skipUnless", "expectedFailure", "xfail", "skipif"):
            return "always"
    return found


def skipped_by(node, names: Names, machine: Machine) -> str:
    """What `self.skipTest` or `raise SkipTest` comes to where it stands; `never` for any other node."""
    return machine.around(node) if raises_skip(node, names) else "never"


def raises_skip(node, names: Names) -> bool:
    if isinstance(node, ast.Call) and called(node) == "skipTest":
        return isinstance(node.func, ast.Attribute) and dotted(node.func.value) in ("self", "cls")
    if isinstance(node, ast.Raise) and node.exc is not None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return names.meaning(raised).split(".")[-1] == "SkipTest"
    return False


def skips_in_set_up(node: ast.ClassDef, machine: Machine) -> str:
    found = "never"
    for one in node.body:
        if isinstance(one, FUNCTIONS) and one.name in ("setUp", "setUpClass", "asyncSetUp"):
            for inner in ast.walk(one):
                how = skipped_by(inner, machine.names, machine)
                found = how if found != "always" and how != "never" else found
    return found


def awaited_failures(tree: ast.Module) -> set:
    """Failures by hand that stand where an error was to be raised before them, which one kind of error gets past."""
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Try) or not node.handlers:
            continue
        if any(catches_failures(one.type) for one in node.handlers):
            continue
        for part in [*node.body, *node.orelse]:
            for one in [part, *own_nodes(part)]:
                if is_assertion(one) and not is_check(one):
                    found.add(id(one))
    return found


def catches_failures(kind) -> bool:
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(catches_failures(one) for one in kind.elts)
    return dotted(kind).split(".")[-1] in ("Exception", "BaseException", "AssertionError")


def stays_valid(source: Source, node, one: dict) -> bool:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    if source.line(first)[: node.col_offset].strip() != "":
        return False
    end = node.end_lineno
    rest = source.line(end).encode("utf-8", errors="replace")[node.end_col_offset :].strip()
    # Nothing else may stand on the line that closes it.
    if rest and not rest.startswith(b"#"):
        return False
    while first > 1 and source.line(first - 1).strip().startswith("#"):
        first -= 1
    after = source.starts[end] if end < len(source.starts) else len(source.code)
    one["end"] = source.units(after)
    try:
        ast.parse(source.code[: source.starts[first - 1]] + source.code[after:])
        return True
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
