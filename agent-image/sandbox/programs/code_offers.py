"""What a Python file offers below its functions and classes, and its named places; for code_facts.py."""

import ast
import re

from code_text import dotted

# Made anew with every class, or of no use to who uses it.
OWN = {"__init__", "__new__", "__slots__", "__post_init__", "__doc__", "__module__", "__match_args__", "__init_subclass__"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def offers_of(tree: ast.Module) -> dict:
    classes = {node.name: node for node in statements(tree.body) if isinstance(node, ast.ClassDef)}
    opened = opened_in(tree)
    owners = []
    for name, node in classes.items():
        members, bases, is_open = members_of(node, classes, set())
        owners.append(
            {
                "name": name,
                "exported": not name.startswith("_"),
                "members": [{"name": key, "certain": certain} for key, certain in members.items()],
                "bases": bases,
                "open": is_open or name in opened,
            }
        )
    properties, defined = names_of(tree)
    return {
        "owners": owners,
        "properties": sorted(properties),
        "defined": sorted(defined),
        "listed": listed_in(tree),
        "stars": stars_of(tree),
    }


def statements(body: list):
    """The statements of a module or class, with those in `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
            for part in ("body", "orelse", "finalbody"):
                yield from statements(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from statements(handler.body)


def members_of(node: ast.ClassDef, classes: dict, seen: set) -> tuple:
    """Members, base classes of other files, and whether there may be more members than the text shows."""
    members: dict = {}
    bases = []
    is_open = False
    for base in node.bases:
        name = dotted(base.value if isinstance(base, ast.Subscript) else base)
        if name in classes and name not in seen:
            inherited, others, more = members_of(classes[name], classes, {*seen, name})
            members.update(inherited)
            bases += others
            is_open = is_open or more
        elif name not in ("object", "Generic"):
            bases.append(name or "?")

    def note(name: str, certain: bool) -> None:
        is_special = name.startswith("__") and name.endswith("__")
        if name in OWN or (name.startswith("__") and not is_special):
            return
        public = certain and (is_special or not name.startswith("_"))
        members[name] = public or members.get(name, False)

    for part in statements(node.body):
        if isinstance(part, FUNCTIONS):
            if part.name in ("__getattr__", "__getattribute__"):
                is_open = True
            note(part.name, True)
            for inner in ast.walk(part):
                if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                    if isinstance(inner.value, ast.Name) and inner.value.id in ("self", "cls"):
                        note(inner.attr, False)
        elif isinstance(part, ast.ClassDef):
            note(part.name, True)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            note(part.target.id, True)
        elif isinstance(part, ast.Assign):
            for target in part.targets:
                for inner in ast.walk(target):
                    if isinstance(inner, ast.Name):
                        note(inner.id, True)
        elif isinstance(part, (ast.For, ast.While)):
            is_open = True
    # A decorator may write methods of its own: those with a name that Python gives.
    if node.decorator_list:
        bases.append("@" + " ".join(ast.unparse(one) for one in node.decorator_list))
    return members, bases, is_open


def opened_in(tree: ast.Module) -> set:
    """Classes that are given members by a call or an assignment."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) == "setattr" and node.args:
            found.add(dotted(node.args[0]))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(dotted(node.value))
    return found


def names_of(tree: ast.Module) -> tuple:
    properties, defined = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            defined.add(node.id)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            defined.add(node.name)
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, FUNCTIONS):
                        properties.add(part.name)
                    elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                        properties.add(part.target.id)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.keyword) and node.arg:
            defined.add(node.arg)
        elif isinstance(node, ast.alias):
            defined.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            defined.add(node.attr)
            properties.add(node.attr)
        elif isinstance(node, ast.Dict):
            for key in node.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isidentifier():
                    properties.add(key.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= 200:
            defined.update(word for word in re.split(r"\W+", node.value) if word)
    return {one for one in properties if not one.startswith("__")}, defined


def listed_in(tree: ast.Module) -> list:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
                strings = [one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)]
                found += [one for one in strings if isinstance(one, str)]
    return found


def stars_of(tree: ast.Module) -> list:
    found = []
    for node in statements(tree.body):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            found.append("." * node.level + (node.module or ""))
        elif isinstance(node, FUNCTIONS) and node.name == "__getattr__":
            found.append("__getattr__")
    for node in ast.walk(tree):
        # `globals()[name] = …`, `globals().update(…)`
        if isinstance(node, ast.Call) and dotted(node.func) in ("globals", "vars") and not node.args:
            found.append("globals")
    return found


def stored_in(target) -> list:
    return [one.id for one in ast.walk(target) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]


def end_of(source, node) -> int:
    """Where a function or class ends, with the comments behind its last statement that are indented as its body is."""
    last = node.end_lineno
    for number in range(node.end_lineno + 1, len(source.starts) + 1):
        line = source.line(number)
        text = line.strip()
        if text and not (text.startswith("#") and len(line) - len(line.lstrip()) > node.col_offset):
            break
        if text:
            last = number
    return source.offset(last, len(source.line(last)), in_bytes=False)


def blocks_of(source, tree: ast.Module) -> list:
    """The file, its functions and its classes: what stands in them, and how much."""
    found = []

    def count(body: list) -> int:
        total = 0
        for node in body:
            if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                continue
            total += 1
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                continue
            for part in ("body", "orelse", "finalbody"):
                total += count(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                total += count(handler.body)
        return total

    def add(name: str, body: list, start: int, end: int) -> None:
        parts = []
        for node in statements(body):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                parts.append(node.name)
                inner = f"{name}.{node.name}" if name else node.name
                add(inner, node.body, source.span(node)[0], end_of(source, node))
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                parts += [name for target in targets for name in stored_in(target)]
        found.append({"name": name, "parts": parts, "statements": count(body), "start": start, "end": end})

    add("", tree.body, 0, source.units(len(source.code)))
    return found
