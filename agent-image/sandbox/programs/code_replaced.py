"""Replacements of what a Python test is to test, where the test calls the replacement itself; for code_concerns.py.

Such a test holds whatever the code does. What only wraps the real thing replaces nothing, and neither does a replacement of
something that the tested code uses.
"""

import ast
import sys

from code_tests import FUNCTIONS, called
from code_text import Names, dotted

COPIES = {"copy.copy", "copy.deepcopy", "types.SimpleNamespace", "vars", "dict", "types.MethodType"}
MOCKS = {"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "PropertyMock", "create_autospec"}


class Origins:
    """Where values come from: the dotted name of an import of the project, also by way of copies, instances and aliases."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def of(self, node, depth: int = 0) -> str:
        if node is None or depth > 12:
            return ""
        name = dotted(node)
        first, _, rest = name.partition(".")
        if first in self.names.known:
            known = self.names.known[first]
            return "" if known.split(".")[0] in sys.stdlib_module_names else f"{known}.{rest}" if rest else known
        if name in self.names.assigned:
            return self.of(self.names.assigned[name], depth + 1)
        if isinstance(node, ast.Attribute):
            above = self.of(node.value, depth + 1)
            return f"{above}.{node.attr}" if above else ""
        if isinstance(node, ast.Await):
            return self.of(node.value, depth + 1)
        if isinstance(node, ast.Call):
            if self.names.meaning(node.func) in COPIES:
                given = [*node.args, *(one.value for one in node.keywords)]
                return next(filter(None, (self.of(one, depth + 1) for one in given)), "")
            return self.of(node.func, depth + 1)
        return ""


def replacements(tree: ast.Module, names: Names) -> list:
    """Pairs of a node and the dotted name that it replaces, for those that the tests call."""
    origins = Origins(names)
    functions = {node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS)}
    found = []
    for node, scope in places(tree):
        for target, name in replaced_by(node, names, origins, functions):
            if any(calls(one, target, name, origins) for one in ast.walk(scope)):
                found.append((node, f"{target}.{name}"))
                break
    return found


def calls(node, target: str, name: str, origins: Origins) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr == name and origins.of(node.func.value) == target


def places(tree: ast.Module) -> list:
    """Each assignment and call with the part of the file for which it holds: a `with`, a test, or the whole file."""
    found = []

    def visit(node, scope) -> None:
        if isinstance(node, (ast.Assign, ast.Call)):
            found.append((node, scope))
        is_test = isinstance(node, FUNCTIONS) and node.name.startswith("test")
        inner = node if is_test or isinstance(node, (ast.With, ast.AsyncWith)) else scope
        for child in ast.iter_child_nodes(node):
            # What stands in the `with` itself holds for its body, and the body knows the scope around it, too.
            visit(child, inner if is_test or isinstance(child, ast.withitem) else scope)

    visit(tree, tree)
    return found


def replaced_by(node, names: Names, origins: Origins, functions: set) -> list:
    """What a node puts something else in the place of: the dotted name of the holder, and the name in it."""

    def is_function(value) -> bool:
        if isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in functions):
            return True
        if not isinstance(value, ast.Call) or any(one.arg == "wraps" for one in value.keywords):
            return False
        return called(value) in MOCKS or (called(value) == "staticmethod" and is_function(value.args[0]))

    def at(holder, name) -> list:
        target = origins.of(holder)
        return [(target, name)] if target and isinstance(name, str) else []

    if isinstance(node, ast.Assign) and is_function(node.value):
        return [
            pair
            for target in node.targets
            if isinstance(target, ast.Attribute)
            for pair in at(target.value, target.attr)
        ]
    if not isinstance(node, ast.Call) or not node.args:
        return []
    meaning = names.meaning(node.func)
    first, second, *_ = [*node.args, None, None]
    name = second.value if isinstance(second, ast.Constant) else None
    if meaning == "setattr":
        return at(first, name) if len(node.args) > 2 and is_function(node.args[2]) else []
    if not meaning.startswith(("unittest.mock.patch", "mock.patch")):
        return []
    if any(one.arg == "wraps" for one in node.keywords):
        return []
    last = meaning.rpartition(".")[2]
    if last == "object":
        return at(first, name)
    if last == "multiple":
        return [pair for one in node.keywords if one.arg for pair in at(first, one.arg)]
    if last == "patch" and isinstance(first, ast.Constant) and isinstance(first.value, str):
        target, _, name = first.value.rpartition(".")
        return [(target, name)] if target.split(".")[0] not in sys.stdlib_module_names else []
    return []
