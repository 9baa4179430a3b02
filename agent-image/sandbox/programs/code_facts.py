"""Reads Python files as code, without running them: what they import, offer and test.

Input: a JSON list of {"path", "text"} on standard input. Output: a JSON list of facts, in the same order, in the file
named by the first argument; agent/code/facts.ts says what each field means. Offsets are UTF-16 units.
"""

import ast
import json
import os
import sys
import warnings

# Python is started in isolated mode, so that no file of the project can stand in for a module of the library.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from code_concerns import concerns_of
from code_offers import blocks_of, offers_of
from code_tests import asserting_names, tests_of
from code_text import Source, comments_of, dotted, is_main_guard

LONGEST = 262_144


def main() -> None:
    warnings.simplefilter("ignore")
    files = json.loads(sys.stdin.buffer.read().decode("utf-8", errors="replace"))
    facts = [facts_of(file["path"], file["text"]) for file in files]
    if sys.argv[1] == "-":
        json.dump(facts, sys.stdout)
        return
    with open(sys.argv[1], "w", encoding="utf-8") as report:
        json.dump(facts, report)


def facts_of(path: str, text: str) -> dict:
    if len(text) > LONGEST:
        return {"path": path, "parsed": {"kind": "unread", "why": "it is longer than 256 KiB"}}
    source = Source(text)
    try:
        tree = ast.parse(source.code, path)
        return {"path": path, "parsed": {"kind": "fine"}, **read(path, source, tree)}
    except SyntaxError as error:
        message = f"{type(error).__name__}: {error.msg}"
        line = error.lineno or 1
        return {"path": path, "parsed": {"kind": "wrong", "line": line, "message": message}}
    except ValueError as error:
        return {"path": path, "parsed": {"kind": "wrong", "line": 1, "message": str(error)}}
    except (RecursionError, MemoryError):
        return {"path": path, "parsed": {"kind": "unread", "why": "it is nested too deeply"}}


def read(path: str, source: Source, tree: ast.Module) -> dict:
    asserting = asserting_names(tree)
    return {
        "imports": imports_of(source, tree),
        "exports": exports_of(tree),
        "bodies": bodies_of(tree),
        "tests": tests_of(source, tree, asserting),
        "concerns": concerns_of(source, tree, asserting),
        "comments": comments_of(source),
        "ellipses": ellipses_of(path, tree),
        "undeclared": undeclared_in(tree),
        **offers_of(tree),
        "blocks": blocks_of(source, tree),
    }


def imports_of(source: Source, tree: ast.Module) -> list:
    found = []
    top = set(map(id, tree.body))
    typed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
            typed.update(id(inner) for part in node.body for inner in ast.walk(part))
    members = members_in(tree)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    def imported(name: str, local: str, node) -> dict:
        return {
            "imported": name,
            "local": local,
            "typeOnly": id(node) in typed,
            "used": local.split(".")[0] in used or name == "*",
            "members": sorted(members.get(local, ())),
        }

    def library(module: str) -> bool:
        return module.split(".")[0] in sys.stdlib_module_names

    for call, local, read in imported_by_call(tree):
        start, end = source.span(call)
        begin, stop = source.span(call.args[0])
        name = {"imported": "*", "local": local, "typeOnly": False, "used": True}
        found.append(
            {
                "start": start,
                "end": end,
                "specifier": call.args[0].value,
                "how": "dynamic",
                "names": [{**name, "members": sorted({*members.get(local, ()), *read})}],
                "typeOnly": False,
                "builtin": library(call.args[0].value),
                "at": {"start": begin + 1, "end": stop - 1},
                "statement": False,
            }
        )
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            start, end = source.span(node)
            at = source.find_module(start)
            names = [imported(alias.name, alias.asname or alias.name, node) for alias in node.names]
            found.append(
                {
                    "start": start,
                    "end": end,
                    "specifier": "." * node.level + (node.module or ""),
                    "how": "static",
                    "names": names,
                    "typeOnly": id(node) in typed,
                    "builtin": node.level == 0 and library(node.module or ""),
                    "at": {"start": at[0], "end": at[1]},
                    "statement": id(node) in top,
                }
            )
        elif isinstance(node, ast.Import):
            start, end = source.span(node)
            for alias in node.names:
                begin, _ = source.span(alias)
                local = alias.asname or alias.name
                # `import a.b` gives the name `a`; the members are those of the whole dotted name.
                name = imported("*", local, node)
                found.append(
                    {
                        "start": start,
                        "end": end,
                        "specifier": alias.name,
                        "how": "static",
                        "names": [name],
                        "typeOnly": id(node) in typed,
                        "builtin": library(alias.name),
                        "at": {"start": begin, "end": begin + len(alias.name)},
                        "statement": id(node) in top and len(node.names) == 1,
                    }
                )
    return sorted(found, key=lambda one: one["start"])


def imported_by_call(tree: ast.Module) -> list:
    """Calls that import a module by its name, the name each is kept under, and the names read from it at once."""
    calls = {
        id(node): (node, [""], set())
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and dotted(node.func) in ("importlib.import_module", "import_module", "__import__")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and id(node.value) in calls:
            target = node.targets[0]
            calls[id(node.value)][1][0] = target.id if isinstance(target, ast.Name) else ""
        elif isinstance(node, ast.Attribute) and id(node.value) in calls:
            calls[id(node.value)][2].add(node.attr)
    return [(call, local[0], read) for call, local, read in calls.values()]


def members_in(tree: ast.Module) -> dict:
    """Names that are read from a dotted name: `app.store.get` gives `get` for `app.store`."""
    found: dict = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            whole = dotted(node.value, 8)
            if whole:
                found.setdefault(whole, set()).add(node.attr)
    return found


def exports_of(tree: ast.Module) -> list:
    found: dict = {}

    def add(name: str, kind: str, signature: str, line: int) -> None:
        found[name] = {"name": name, "kind": kind, "signature": signature[:160], "line": line}

    def visit(body: list) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                add("*" if node.name == "__getattr__" else node.name, "function", header(node), node.lineno)
            elif isinstance(node, ast.ClassDef):
                add(node.name, "class", header(node), node.lineno)
            elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    for name in names_in(target):
                        add(name, "constant", constant(name, node), node.lineno)
                        if name == "__all__":
                            for listed in strings_in(node.value):
                                if listed not in found:
                                    add(listed, "unknown", listed, node.lineno)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    if name not in found:
                        add(name, "reexport", name, node.lineno)
            elif isinstance(node, ast.If):
                if not is_main_guard(node):
                    visit(node.body)
                    visit(node.orelse)
            elif isinstance(node, ast.Try):
                for part in (node.body, node.orelse, node.finalbody):
                    visit(part)
                for handler in node.handlers:
                    visit(handler.body)
            elif isinstance(node, (ast.For, ast.While, ast.With)):
                visit(node.body)

    visit(tree.body)
    return sorted(found.values(), key=lambda one: one["line"])


def header(node) -> str:
    if isinstance(node, ast.ClassDef):
        inside = [ast.unparse(part) for part in [*node.bases, *node.keywords]]
        return f"class {node.name}({', '.join(inside)})" if inside else f"class {node.name}"
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"{word} {node.name}({ast.unparse(node.args)}){returns}"


def constant(name: str, node) -> str:
    value = node.value
    if isinstance(value, ast.Constant) and len(repr(value.value)) <= 40:
        return f"{name} = {value.value!r}"
    return name


def names_in(target) -> list:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for part in target.elts for name in names_in(part)]
    if isinstance(target, ast.Starred):
        return names_in(target.value)
    return []


def strings_in(node) -> list:
    if node is None:
        return []
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def bodies_of(tree: ast.Module) -> list:
    """Functions at the top and methods of classes there: whether they do nothing but raise, or give nothing back."""
    found: dict = {}

    def visit(body: list, before: str) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found[before + node.name] = all(map(does_nothing, node.body))
            elif isinstance(node, ast.ClassDef) and not before:
                visit(node.body, f"{node.name}.")
            elif isinstance(node, (ast.If, ast.Try)):
                visit(node.body, before)
                visit(node.orelse, before)

    visit(tree.body, "")
    return [{"name": name, "hollow": hollow} for name, hollow in found.items()]


def does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Return):
        return node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    if isinstance(node, ast.Expr):
        prints = isinstance(node.value, ast.Call) and dotted(node.value.func) == "print"
        return prints or isinstance(node.value, ast.Constant)
    return isinstance(node, (ast.Pass, ast.Raise))


def ellipses_of(path: str, tree: ast.Module) -> list:
    """Lines with `...` where a body should be. Protocols, overloads, abstract methods and stub files have none."""
    if path.endswith(".pyi"):
        return []
    lines = []

    def is_dots(node) -> bool:
        return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...

    def visit(node, allowed: bool, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if is_dots(child):
                if not allowed:
                    lines.append(child.lineno)
            elif isinstance(child, ast.ClassDef):
                bases = " ".join(dotted(base) for base in [*child.bases, *(one.value for one in child.keywords)])
                abstract = any(word in bases for word in ("Protocol", "ABC", "ABCMeta", "Interface"))
                # A class without a body of its own is written so, errors above all.
                only = all(is_dots(one) or is_text(one) for one in child.body)
                visit(child, only, abstract)
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                words = [dotted(one.func if isinstance(one, ast.Call) else one) for one in child.decorator_list]
                free = any(word.split(".")[-1] in ("overload", "abstractmethod", "abstractproperty") for word in words)
                visit(child, inside or free, False)
            elif isinstance(child, ast.ExceptHandler):
                visit(child, True, False)
            elif isinstance(child, ast.stmt):
                visit(child, allowed and not isinstance(node, ast.ClassDef), inside)

    visit(tree, False, False)
    return lines


def is_text(node) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def undeclared_in(tree: ast.Module) -> list:
    import builtins

    used, bound = set(), set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return sorted(used - bound)


if __name__ == "__main__":
    main()
