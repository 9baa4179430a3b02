"""Tests that a Python file declares, and what each of them asserts; for code_facts.py."""

import ast

from code_text import Names, Source, dotted

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
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

    def visit(body: list, suites: list, skipped: bool, repeated: bool) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                inner = [f"{suites[0]}.{node.name}"] if suites else [node.name]
                skip = skipped or is_skipped(node, names) or skips_in_set_up(node)
                visit(node.body, inner, skip, repeated)
            elif isinstance(node, FUNCTIONS) and node.name.startswith("test"):
                found.append((node, fact(source, node, suites, skipped, repeated, asserting, names)))
            elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
                again = repeated or isinstance(node, (ast.For, ast.While))
                for part in ("body", "orelse", "finalbody"):
                    visit(getattr(node, part, []), suites, skipped, again)

    visit(tree.body, [], False, False)
    for node, one in found[-TRIED:]:
        one["removable"] = stays_valid(source, node, one)
    return [one for _, one in found]


def fact(source: Source, node, suites: list, skipped: bool, repeated: bool, asserting: set, names: Names) -> dict:
    own = list(ast.walk(node))
    skips = skipped or is_skipped(node, names) or any(raises_skip(one, names) for one in own)
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


def is_skipped(node, names: Names) -> bool:
    for one in node.decorator_list:
        meaning = names.meaning(one.func if isinstance(one, ast.Call) else one)
        if meaning.split(".")[-1] in ("skip", "skipIf", "skipUnless", "expectedFailure", "xfail", "skipif"):
            return True
    return False


def raises_skip(node, names: Names) -> bool:
    if isinstance(node, ast.Call) and called(node) == "skipTest":
        return isinstance(node.func, ast.Attribute) and dotted(node.func.value) in ("self", "cls")
    if isinstance(node, ast.Raise) and node.exc is not None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return names.meaning(raised).split(".")[-1] == "SkipTest"
    return False


def skips_in_set_up(node: ast.ClassDef) -> bool:
    for one in node.body:
        if isinstance(one, FUNCTIONS) and one.name in ("setUp", "setUpClass", "asyncSetUp"):
            for inner in ast.walk(one):
                if isinstance(inner, ast.Call) and called(inner) == "skipTest":
                    return True
    return False


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
