"""What a Python test may not do or lean on; for code_facts.py. The kinds are those of agent/code/facts.ts."""

import ast
import re

from code_reach import Reach, reach_concern
from code_replaced import replacements
from code_tests import (
    FUNCTIONS,
    Classes,
    Machine,
    asserting_names,
    asserts,
    awaited_failures,
    called,
    catches_failures,
    is_assertion,
    is_check,
    own_nodes,
    skipped_by,
    skipping,
)
from code_text import Names, Source, dotted, is_main_guard
from code_trivial import is_trivial, unasserted

FRAMEWORKS = {"pytest", "nose", "nose2", "doctest", "hypothesis", "behave"}
PROCESSES = {"multiprocessing", "pty", "ctypes"}
NETWORK = {"requests", "httpx", "aiohttp", "urllib3", "paramiko"}
CLOCK = re.compile(
    r"^(time\.(time|time_ns|sleep|monotonic|monotonic_ns|perf_counter|process_time|localtime|gmtime)"
    r"|datetime\.(datetime\.)?(now|utcnow|today)|datetime\.date\.today)$"
)
ENDS = re.compile(
    r"^(os\.(_exit|kill|killpg|fork|forkpty|system|popen|abort|exec\w*|spawn\w*|posix_spawn\w*)|sys\.exit|exit|quit"
    r"|signal\.(raise_signal|alarm))$"
)
FILES = re.compile(
    r"^(os\.(remove|unlink|rename|renames|replace|rmdir|removedirs|mkdir|makedirs|symlink|link|truncate|chmod|chown)"
    r"|shutil\.(rmtree|move|copy\w*|chown|make_archive))$"
)
TIDIES = re.compile(r"^(os\.(remove|unlink|rmdir)|shutil\.rmtree)$")
PATH_WRITES = {"write_text", "write_bytes", "unlink", "rmdir", "mkdir", "touch", "rename", "replace", "symlink_to"}
TEMPORARY = re.compile(r"(^|\.)(mkdtemp|TemporaryDirectory|NamedTemporaryFile|TemporaryFile|mkstemp|gettempdir)$")
LATE = {"Timer": 1, "call_later": 1, "call_at": 1, "call_soon": 0, "call_soon_threadsafe": 0, "add_done_callback": 0,
        "start_new_thread": 0, "run_in_executor": 1}
LOCAL = re.compile(
    r"^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|0\.0\.0\.0||[\w.-]*\.?example(\.(com|org|net))?"
    r"|[\w.-]+\.(test|invalid|localhost))$",
    re.IGNORECASE,
)
RAISES = {"assertRaises": 1, "assertWarns": 1, "assertRaisesRegex": 2, "assertWarnsRegex": 2, "assertLogs": 9,
          "assertNoLogs": 9, "assertRaisesRegexp": 2, "subTest": 9}


def concerns_of(source: Source, tree: ast.Module, asserting: set) -> list:
    names = Names(tree)
    reach = Reach(tree, names)
    machine = Machine(tree, names)
    found = []

    def report(kind: str, node) -> None:
        found.append({"kind": kind, "line": node.lineno, "code": source.code_of(node)})

    guarded = set()
    for node in tree.body:
        if is_main_guard(node):
            guarded.update(id(inner) for inner in ast.walk(node))
    nodes = [node for node in ast.walk(tree) if id(node) not in guarded]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    seeded = any(names.meaning(node.func) == "random.seed" for node in calls)
    temporary = any(TEMPORARY.search(names.meaning(node.func) or called(node)) for node in calls)
    coroutines = {node.name for node in nodes if isinstance(node, ast.AsyncFunctionDef) and node.name in asserting}

    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module_concerns(node, report)
        elif isinstance(node, ast.Call):
            kind = call_concern(node, names, seeded, temporary)
            if kind:
                report(kind, node)
            if skipped_by(node, names, machine) == "always":
                report("skip", node)
            if is_late(node, asserting):
                report("late", node)
        elif isinstance(node, ast.Raise) and skipped_by(node, names, machine) == "always":
            report("skip", node)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)) and skipping(node, names, machine) == "always":
            report("skip", node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            statement(node.value, coroutines, report)
        elif isinstance(node, ast.Try) and is_swallowed(node, asserting):
            report("swallowed", node)
        elif isinstance(node, (ast.With, ast.AsyncWith)) and is_suppressed(node, names, asserting):
            report("swallowed", node)
        reached = reach_concern(node, names, reach)
        if reached:
            report(reached, node)
    never_run(tree, names, report)
    for node, module in replacements(tree, names):
        found.append({"kind": "replaced", "line": node.lineno, "code": source.code_of(node), "module": module})
    for node in unasserted(tree):
        report("unasserted", node)
    awaited = awaited_failures(tree)
    for node in lonely_trivial(tree, nodes, asserting):
        report("trivial", node)
    checking = asserting_names(tree, lambda one: is_check(one) or id(one) in awaited)
    for node in nodes:
        if isinstance(node, FUNCTIONS) and node.name.startswith("test") and node.name in asserting:
            if node.name not in checking:
                report("only-fails", node)
    return sorted(found, key=lambda one: one["line"])


def lonely_trivial(tree: ast.Module, nodes: list, asserting: set) -> list:
    """Assertions that always hold and are all that a test has: those in it, or those of the functions that it calls."""
    trivial = {id(node): node for node in nodes if is_trivial(node)}
    if not trivial:
        return []
    real = asserting_names(tree, lambda one: is_assertion(one) and id(one) not in trivial)
    tests = [node for node in nodes if isinstance(node, FUNCTIONS) and node.name.startswith("test")]
    idle = [node for node in tests if node.name in asserting and node.name not in real]
    lonely = {id(inner) for test in idle for inner in ast.walk(test)}
    inside = {id(inner) for test in tests for inner in ast.walk(test)}
    return [one for key, one in trivial.items() if key in lonely or (idle and key not in inside)]


def module_concerns(node, report) -> None:
    if isinstance(node, ast.ImportFrom) and node.level > 0:
        return
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    for module in modules:
        top = module.split(".")[0]
        for kind, known in (("framework", FRAMEWORKS), ("process", PROCESSES), ("network", NETWORK)):
            if top in known:
                report(kind, node)


def call_concern(node: ast.Call, names: Names, seeded: bool, temporary: bool) -> str:
    meaning = names.meaning(node.func)
    if meaning.startswith("random.") and not seeded:
        fixed = meaning in ("random.seed", "random.getstate", "random.setstate") or (
            meaning == "random.Random" and len(node.args) > 0
        )
        return "" if fixed else "random"
    if meaning.startswith("secrets.") or meaning in ("uuid.uuid1", "uuid.uuid4", "os.urandom"):
        return "random"
    if CLOCK.match(meaning):
        return "clock"
    if ENDS.match(meaning) or (meaning.startswith("subprocess.") and not starts_python(node)):
        return "process"
    if meaning == "sqlite3.connect":
        # It opens a file, whatever the name looks like; what it leaves in the project, a run shows.
        return ""
    if meaning.split(".")[0] in ("urllib", "http", "socket", "ftplib", "smtplib", "ssl") or called(node) == "connect":
        return "network" if any(is_foreign(one) for one in node.args) else ""
    if meaning in ("open", "io.open") or (meaning == "" and called(node) == "open" and starts_with_path(node.func, names)):
        mode = text_of(node.args[1]) if len(node.args) > 1 else ""
        mode = mode or next((text_of(one.value) for one in node.keywords if one.arg == "mode"), "")
        target = node.args[0] if meaning and node.args else node.func
        return "files" if re.search(r"[wax+]", mode) and not is_temporary(target, names, temporary) else ""
    if FILES.match(meaning):
        if TIDIES.match(meaning) and node.args and is_below(text_of(node.args[0])):
            return ""
        last = meaning.split(".")[-1]
        target = node.args[-1] if last.startswith(("copy", "move", "symlink", "link")) and node.args else None
        target = target or (node.args[0] if node.args else None)
        return "" if is_temporary(target, names, temporary) else "files"
    if called(node) in PATH_WRITES and isinstance(node.func, ast.Attribute) and starts_with_path(node.func.value, names):
        return "" if is_temporary(node.func.value, names, temporary) else "files"
    return ""


def is_below(path: str) -> bool:
    """Whether a text names something in the work tree. Whether that is the project's own, a run shows."""
    return re.match(r"(\./)?[^/~.]", path) is not None and ".." not in path


def starts_python(node: ast.Call) -> bool:
    """A program of the project is run by starting Python with it, which is how a command is tested."""
    if called(node) not in ("run", "call", "check_call", "check_output", "Popen"):
        return called(node) not in ("getoutput", "getstatusoutput")
    if any(one.arg == "start_new_session" for one in node.keywords) or not node.args:
        return False
    first = node.args[0]
    if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
        first = first.elts[0]
    return ast.unparse(first) in ("sys.executable", "executable") or bool(
        re.match(r"python3?(?: |$)", text_of(first))
    )


def text_of(node) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_foreign(node) -> bool:
    """Whether an address that is known from the text is one of another machine."""
    if isinstance(node, ast.Tuple) and node.elts and text_of(node.elts[0]):
        return not LOCAL.match(text_of(node.elts[0]))
    text = text_of(node)
    if isinstance(node, ast.JoinedStr) and node.values:
        text = text_of(node.values[0])
        if re.fullmatch(r"\w+://", text):
            return False
    if not text:
        return False
    match = re.match(r"\w+://(?:[^/@\s]*@)?(\[[^\]]*\]|[^/:?#\s]*)", text[:500])
    if match:
        return not LOCAL.match(match.group(1))
    # A host alone, as HTTPConnection and gethostbyname take it.
    host = text[:500].split(":")[0]
    return bool(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host)) and not LOCAL.match(host)


def starts_with_path(node, names: Names) -> bool:
    for _ in range(20):
        if isinstance(node, ast.Call):
            if names.meaning(node.func).split(".")[-1] in ("Path", "PurePath", "PosixPath"):
                return True
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Name) and node.id in names.assigned:
            node = names.assigned[node.id]
        else:
            return False
    return False


def is_temporary(node, names: Names, temporary: bool) -> bool:
    """Whether a path lies below a folder that the test made for itself."""
    for _ in range(20):
        if node is None:
            return temporary
        if isinstance(node, ast.Constant):
            return False
        if isinstance(node, ast.JoinedStr):
            first = node.values[0] if node.values else None
            if not isinstance(first, ast.FormattedValue):
                return False
            node = first.value
        elif isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Call):
            name = names.meaning(node.func) or called(node)
            if TEMPORARY.search(name):
                return True
            last = name.split(".")[-1]
            if last in ("join", "Path", "str", "fspath", "abspath", "realpath", "PurePath"):
                node = node.args[0] if node.args else None
            elif last in ("cwd", "getcwd", "home"):
                return False
            else:
                node = node.func
        elif isinstance(node, ast.Attribute):
            whole = dotted(node)
            node = names.assigned.get(whole) if whole in names.assigned else (
                None if whole.startswith("self.") else node.value
            )
        elif isinstance(node, ast.Name):
            if node.id == "__file__":
                return False
            if node.id not in names.assigned:
                return temporary
            node = names.assigned[node.id]
        else:
            return temporary
    return temporary


def is_late(node: ast.Call, asserting: set) -> bool:
    """Assertions that run in another thread, or when the loop comes to it: nobody hears of them."""
    given = [one.value for one in node.keywords if one.arg in ("target", "function", "callback")]
    place = LATE.get(called(node))
    if place is not None and len(node.args) > place:
        given.append(node.args[place])
    if called(node) not in ("Thread", "Timer", "Process", *LATE):
        return False
    for one in given:
        if isinstance(one, ast.Lambda) and any(asserts(inner, asserting) for inner in ast.walk(one.body)):
            return True
        if (dotted(one).split(".")[-1] or "-") in asserting or dotted(one).startswith("self.assert"):
            return True
    return False


def statement(call: ast.Call, coroutines: set, report) -> None:
    name = called(call)
    if name in coroutines and (isinstance(call.func, ast.Name) or dotted(call.func).startswith("self.")):
        report("floating", call)
    if name in ("create_task", "ensure_future") and call.args and isinstance(call.args[0], ast.Call):
        if called(call.args[0]) in coroutines:
            report("floating", call)
    needed = RAISES.get(name)
    if needed is None or not isinstance(call.func, ast.Attribute) or dotted(call.func.value) != "self":
        return
    if len(call.args) <= needed and not any(one.arg == "callable" for one in call.keywords):
        report("bare-raises", call)


def is_swallowed(node: ast.Try, asserting: set) -> bool:
    if not any(asserts(one, asserting) for part in node.body for one in inner_nodes(part)):
        return False
    for handler in node.handlers:
        if not catches_failures(handler.type):
            continue
        return not any(
            isinstance(one, (ast.Raise, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr))
            or (asserts(one, asserting) and not is_trivial(one))
            for part in handler.body
            for one in inner_nodes(part)
        )
    return False


def inner_nodes(node):
    yield node
    if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield from own_nodes(node)


def is_suppressed(node, names: Names, asserting: set) -> bool:
    for item in node.items:
        call = item.context_expr
        if not isinstance(call, ast.Call) or names.meaning(call.func).split(".")[-1] != "suppress":
            continue
        if any(catches_failures(one) for one in call.args):
            return any(asserts(one, asserting) for part in node.body for one in inner_nodes(part))
    return False


def is_plain(node: ast.ClassDef) -> bool:
    """A class that pytest takes for one of tests: called so, and without a constructor."""
    own = [one.name for one in node.body if isinstance(one, FUNCTIONS)]
    return node.name.startswith("Test") and "__init__" not in own and "__new__" not in own


def never_run(tree: ast.Module, names: Names, report) -> None:
    """Things that look like tests and that the runner does not run, or not to their end."""
    classes = Classes(tree, names)

    def visit(body: list, owner, kind: str, nested: bool) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                visit(node.body, node, classes.kind(node), owner is not None or nested)
            elif isinstance(node, FUNCTIONS) and node.name.startswith("test"):
                check(node, owner, kind, nested)
            elif isinstance(node, (ast.If, ast.Try, ast.With)):
                for part in ("body", "orelse", "finalbody"):
                    visit(getattr(node, part, []), owner, kind, nested)

    def check(node, owner, kind: str, nested: bool) -> None:
        is_async = isinstance(node, ast.AsyncFunctionDef)
        yields = any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in own_nodes(node))
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        patched = any("patch" in dotted(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list)
        if yields:
            report("never-run", node)
        elif owner is None:
            if is_async or (arguments and not patched):
                report("never-run", node)
        elif kind == "none" and is_plain(owner) and not nested:
            # The runner runs these as pytest does, also those that are coroutines.
            if len(arguments) > 1 and not node.args.defaults and not patched:
                report("never-run", node)
        elif is_async and kind in ("case", "none"):
            report("never-run", node)
        elif kind == "none" and not classes.is_mixin(owner):
            report("never-run", node)
        elif nested and kind != "none":
            report("never-run", node)
        elif len(arguments) > 1 and not node.args.defaults and not node.decorator_list:
            report("never-run", node)

    visit(tree.body, None, "none", False)
