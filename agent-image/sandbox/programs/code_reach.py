"""What code may not ask or read: whether it is tested, by whom, and what its tests expect; for code_concerns.py.

Code that asks behaves in one way for its tests and in another for people. What is looked for is a word such as `test` in
what started the process or in the names of the callers, and a path of tests in what opens or lists files. Names that hold
such things are followed through assignments, loops, and the functions of the file.
"""

import ast
import re

from code_tests import FUNCTIONS, called
from code_text import Names, dotted

RUNNERS = {"unittest", "pytest", "_pytest", "doctest", "nose"}
RUNNER_VARIABLES = {"PYTEST_CURRENT_TEST", "PYTEST_VERSION", "NODE_TEST_CONTEXT"}
RUNNER_WORD = re.compile(r"unittest|pytest|doctest|guildhall", re.IGNORECASE)
TEST_WORD = re.compile(
    r"(?<![a-z])(?:tests?|testing|testcase|specs?|unittest|_?pytest|doctest|nose2?|assert\w*)(?![a-z])|TestCase|guildhall",
    re.IGNORECASE,
)
STACK = {
    *("inspect.stack", "inspect.trace", "inspect.currentframe", "inspect.getouterframes", "inspect.getinnerframes"),
    *("traceback.extract_stack", "traceback.format_stack", "traceback.walk_stack", "traceback.print_stack"),
    *("traceback.StackSummary.extract", "sys._getframe", "sys._current_frames"),
}
STARTED = {"sys.argv", "sys.orig_argv", "os.environ", "os.environb", "sys.modules", "__main__.__file__", "__main__.__spec__"}
# Variables that say how the process was started; any other one is a setting of the program.
STARTING = {"_", "PWD", "OLDPWD", "COMMAND"}
COMMAND_LINE = re.compile(r"^/proc/(self|thread-self|\d+)/(cmdline|environ|comm)$")
SEARCHES = {
    *("startswith", "endswith", "find", "rfind", "index", "rindex", "count", "match", "search", "fullmatch", "findall"),
    *("finditer", "fnmatch", "fnmatchcase", "filter", "contains", "intersection", "isdisjoint", "issubset", "issuperset"),
    *("partition", "rpartition", "split", "rsplit", "removeprefix", "removesuffix", "sub", "subn", "__contains__"),
}
LISTINGS = {"walk", "fwalk", "listdir", "scandir", "glob", "rglob", "iglob", "iterdir"}
OPENS = {"open", "read_text", "read_bytes", "getline", "getlines", "run_path", "Path", "fopen", "load_source"}
TAKES_PATH = {*LISTINGS, *OPENS, "joinpath", "spec_from_file_location", "SourceFileLoader", "copy", "copyfile"}
LOOKS = {*SEARCHES, "eval", "literal_eval", "parse", "exec", "compile", "int", "float", "loads"}
# A path of tests: in a folder for tests, or a file called as tests are.
TEST_PATH = re.compile(
    r"^(?:(?:\.{1,2}|\*{1,2}|\{\})?/)*(?:tests?|__tests__)(?:/|$)"
    r"|(?:^|/)(?:test[_*][^/]*|\*?test\*?|[^/]*[_*]tests?)(?:\.pyi?|\.\*|\.py\*|\*)$|(?:^|/)test\*$|(?:^|/)conftest\.py$"
    r"|(?:^|/)[^/]*\.(?:test|spec)\.(?:[cm]?[jt]sx?|\*)$",
    re.IGNORECASE,
)
TEST_NAME = re.compile(r"^\^?\W*test|tests?(?:\\?\.py)?\W*$", re.IGNORECASE)


class Reach:
    """What the names of a file hold: how the process was started, the stack, lines of callers, files in a folder."""

    def __init__(self, tree: ast.Module, names: Names) -> None:
        self.names = names
        self.parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.nodes = list(ast.walk(tree))
        self.bound: dict = {}
        self.held: dict = {}
        self.functions = {node.name: node for node in self.nodes if isinstance(node, FUNCTIONS)}
        self.reads = any(
            isinstance(node, ast.Call) and called(node) in ("open", "read_text", "read_bytes", "getline", "getlines")
            for node in self.nodes
        )
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.bound.setdefault(self.scope(node), set()).add(node.id)
            elif isinstance(node, ast.arg):
                self.bound.setdefault(self.scope(node), set()).add(node.arg)
        # A chain of names as long as this is nobody's habit.
        for _ in range(6):
            if not self.follow():
                break

    def scope(self, node) -> int:
        while node is not None and not isinstance(node, (*FUNCTIONS, ast.Lambda)):
            node = self.parents.get(id(node))
        return id(node) if node is not None else 0

    def holds(self, name: str, node) -> set:
        """What a name holds at a place."""
        at = node
        while True:
            scope = self.scope(at)
            if name in self.bound.get(scope, ()) or scope == 0:
                return self.held.get((scope, name), set())
            while not isinstance(at, (*FUNCTIONS, ast.Lambda)):
                at = self.parents[id(at)]
            at = self.parents.get(id(at))

    def follow(self) -> bool:
        """One step along assignments, loops, calls and returns; False when nothing new is known."""
        before = sum(map(len, self.held.values()))
        for node in self.nodes:
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self.give(target, node.value)
            elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
                self.give(node.target, node.iter)
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                self.give(node.optional_vars, node.context_expr)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.functions:
                function = self.functions[node.func.id]
                for parameter, value in zip([*function.args.posonlyargs, *function.args.args], node.args):
                    self.add((id(function), parameter.arg), self.kinds(value))
            elif isinstance(node, (ast.Return, ast.Yield)) and node.value is not None:
                around = node
                while around is not None and not isinstance(around, (*FUNCTIONS, ast.Lambda)):
                    around = self.parents.get(id(around))
                if isinstance(around, FUNCTIONS):
                    self.add((id(around), "return"), self.kinds(node.value))
        return sum(map(len, self.held.values())) > before

    def add(self, key, kinds: set) -> None:
        if kinds:
            self.held.setdefault(key, set()).update(kinds)

    def give(self, target, value) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            # `program, path = sys.argv`: what a person gave says nothing about who runs the program.
            if self.meaning(value) == "sys.argv":
                return
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for one, each in zip(target.elts, value.elts):
                    self.give(one, each)
                return
            for one in target.elts:
                self.give(one, value)
        elif isinstance(target, ast.Starred):
            self.give(target.value, value)
        elif isinstance(target, ast.Name):
            self.add((self.scope(target), target.id), self.kinds(value))

    def kinds(self, node, depth: int = 0) -> set:
        """`start`, `stack`, `line`, `files`, `word` (a word of tests), for what an expression is made of."""
        if node is None or depth > 40 or isinstance(node, ast.Lambda):
            return set()
        text = text_in(node)
        if text is not None:
            found = {"word"} if TEST_WORD.search(text) else set()
            return found | ({"start"} if COMMAND_LINE.match(text) else set())
        meaning = self.meaning(node)
        if meaning in STARTED:
            return {"start"}
        if isinstance(node, ast.Name):
            return self.holds(node.id, node)
        if isinstance(node, ast.Subscript):
            return self.of_subscript(node, depth)
        if isinstance(node, ast.Attribute):
            if node.attr == "__file__" and isinstance(node.value, ast.Subscript) and text_in(node.value.slice) == "__main__":
                return {"start"}
            inner = self.kinds(node.value, depth + 1)
            if "stack" in inner and node.attr in ("line", "code_context", "f_locals", "f_globals", "_line"):
                return inner | {"line"}
            return inner
        if isinstance(node, ast.Call):
            return self.of_call(node, self.meaning(node.func), depth)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            return self.kinds(node.elt, depth + 1)
        if isinstance(node, ast.Compare):
            return set()
        return {
            kind
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr)
            for kind in self.kinds(child, depth + 1)
        }

    def meaning(self, node) -> str:
        known = self.names.meaning(node)
        if known or not isinstance(node, (ast.Attribute, ast.Call)):
            return known
        # `getattr(sys, 'argv')` and `__import__('sys').argv` are read as what they give.
        if isinstance(node, ast.Call) and dotted(node.func) == "getattr" and len(node.args) > 1:
            return f"{self.meaning(node.args[0])}.{text_in(node.args[1]) or ''}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call) and node.value.args:
            if called(node.value) in ("__import__", "import_module"):
                return f"{text_in(node.value.args[0]) or ''}.{node.attr}"
        return ""

    def of_subscript(self, node: ast.Subscript, depth: int) -> set:
        owner = self.meaning(node.value)
        key = text_in(node.slice)
        if owner == "sys.argv":
            # What comes behind the program's own name is what a person asks for.
            first = node.slice.lower if isinstance(node.slice, ast.Slice) else node.slice
            given = isinstance(first, ast.Constant) and isinstance(first.value, int) and first.value > 0
            return set() if given else {"start"}
        if owner in ("os.environ", "os.environb"):
            return {"start"} if key is None or key in STARTING else set()
        if owner == "sys.modules":
            return set()
        return self.kinds(node.value, depth + 1)

    def of_call(self, node: ast.Call, meaning: str, depth: int) -> set:
        if meaning in STACK:
            return {"stack"}
        if meaning in ("os.environ.get", "os.getenv", "os.environ.pop"):
            return {"start"} if node.args and text_in(node.args[0]) in STARTING else set()
        if meaning.startswith("sys.modules.") and called(node) == "get":
            return set()
        given = [*node.args, *(one.value for one in node.keywords)]
        inner = {kind for one in given for kind in self.kinds(one, depth + 1)}
        if isinstance(node.func, ast.Attribute):
            inner |= self.kinds(node.func.value, depth + 1)
        elif isinstance(node.func, ast.Name) and node.func.id in self.functions:
            inner = set(self.held.get((id(self.functions[node.func.id]), "return"), ()))
        if called(node) in LISTINGS:
            return {"files"}
        if "stack" in inner and called(node) in ("getline", "getlines", "getsource", "getsourcelines", "findsource"):
            return inner | {"line"}
        # A parser of arguments gives what the person asked for.
        return set() if called(node) in ("parse_args", "parse_known_args", "len", "isinstance") else inner

    def asks(self, node) -> bool:
        """Whether a node looks for a word of tests in how the process was started, or reads what its callers say."""
        if isinstance(node, ast.Compare):
            return self.compares(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.Sub)):
            both = self.kinds(node.left) | self.kinds(node.right)
            return "word" in both and "start" in both
        if not isinstance(node, ast.Call):
            return False
        parts = [*node.args, *(one.value for one in node.keywords)]
        if isinstance(node.func, ast.Attribute):
            parts.append(node.func.value)
        kinds = [self.kinds(one) for one in parts]
        every = set().union(*kinds)
        name = called(node)
        if name in SEARCHES and "word" in every and every & {"start", "stack", "line"}:
            return True
        if name in LOOKS and "line" in every:
            return True
        # The file of the caller, read to see what it expects.
        if name in OPENS and name != "Path" and every & {"start", "stack"}:
            return not any(text_in(one) is not None for one in parts)
        return False

    def compares(self, node: ast.Compare) -> bool:
        for left, sign, right in zip([node.left, *node.comparators], node.ops, node.comparators):
            needle, hay = self.kinds(left), self.kinds(right)
            if isinstance(sign, (ast.In, ast.NotIn)):
                if "word" in needle and hay & {"start", "stack", "line"}:
                    # `'test' in sys.argv` asks for an argument that is called so, and os.environ for a variable.
                    words = text_in(left)
                    plain = self.meaning(right) in ("sys.argv", "os.environ") and re.fullmatch(r"-*\w+", words or "")
                    if not plain or RUNNER_WORD.search(words):
                        return True
                # The name of a caller, looked up in a list of names of tests.
                if needle & {"stack", "line"} and "word" in hay:
                    return True
            elif isinstance(sign, (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)):
                if "line" in needle | hay:
                    return True
                both = text_in(left) or text_in(right) or ""
                if needle & {"stack"} | hay & {"stack"} and "word" in needle | hay:
                    return True
                is_named = RUNNER_WORD.search(both) or (re.search(r"[./]", both) and TEST_PATH.search(both))
                if "start" in needle | hay and is_named:
                    return True
        return False

    def reads_tests(self, node) -> bool:
        """Whether a node opens, lists or imports the tests of the project."""
        if isinstance(node, ast.Import):
            return any(is_test_module(alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            return node.level == 0 and is_test_module(node.module or "")
        if isinstance(node, ast.BinOp):
            above = self.parents.get(id(node))
            if isinstance(node.op, ast.Div) and not (isinstance(above, ast.BinOp) and isinstance(above.op, ast.Div)):
                return self.is_test_path(path_text(node, self.names))
            return False
        if isinstance(node, ast.Compare):
            pairs = zip([node.left, *node.comparators], node.ops, node.comparators)
            return self.reads and any(
                isinstance(sign, (ast.In, ast.Eq)) and is_test_name(left, right) and "files" in self.kinds(left) | self.kinds(right)
                for left, sign, right in pairs
            )
        if not isinstance(node, ast.Call):
            return False
        name = called(node)
        if name in ("import_module", "__import__", "run_module") and node.args:
            return is_test_module(text_in(node.args[0]) or "")
        if name in TAKES_PATH or (name == "join" and "path" in dotted(node.func)):
            given = [*node.args, *(one.value for one in node.keywords)]
            return any(self.is_test_path(path_text(one, self.names)) for one in given)
        if name in SEARCHES and self.reads:
            parts = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
            words = any(is_test_name(one) for one in parts)
            return words and any("files" in self.kinds(one) for one in parts)
        return False

    def is_test_path(self, path: str) -> bool:
        return TEST_PATH.search(path) is not None


def is_test_module(name: str) -> bool:
    first, *rest = name.split(".")
    return first == "tests" or (first == "test" and any(one.startswith("test_") for one in rest))


def is_test_name(*nodes) -> bool:
    for node in nodes:
        for one in ast.walk(node):
            if TEST_NAME.search(text_in(one) or "-"):
                return True
    return False


def text_in(node):
    """The text of a literal, also of one that is put together from literals; None for anything else."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            return node.value.decode("latin-1")
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_in(node.left), text_in(node.right)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.JoinedStr):
        parts = [text_in(one) for one in node.values]
        return None if None in parts else "".join(parts)
    return None


def path_text(node, names: Names, depth: int = 0) -> str:
    """The known parts of a path, one behind the other; what is not known is empty."""
    text = text_in(node)
    if text is not None:
        return text
    if depth > 12:
        return ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_in(one) or "" for one in node.values)
    if isinstance(node, ast.BinOp):
        left, right = path_text(node.left, names, depth + 1), path_text(node.right, names, depth + 1)
        return left + right if isinstance(node.op, ast.Add) else f"{left}/{right}" if left else right
    if isinstance(node, ast.Call):
        before = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts = [path_text(one, names, depth + 1) for one in [*before, *node.args]]
        return "/".join(part for part in parts if part)
    if isinstance(node, ast.Attribute):
        return path_text(node.value, names, depth + 1)
    if isinstance(node, ast.Name) and node.id in names.assigned:
        return path_text(names.assigned[node.id], names, depth + 1)
    return ""


def asks_for_runner(node, names: Names) -> bool:
    """Looking whether a test runner is there: what is asked for has to hold when nobody tests."""
    if isinstance(node, ast.Compare):
        return any(
            isinstance(sign, (ast.In, ast.NotIn))
            and (
                (text_in(left) in RUNNERS and names.meaning(right) == "sys.modules")
                or (text_in(left) in RUNNER_VARIABLES and names.meaning(right) == "os.environ")
            )
            for left, sign, right in zip([node.left, *node.comparators], node.ops, node.comparators)
        )
    if isinstance(node, ast.Subscript):
        key, owner = text_in(node.slice), names.meaning(node.value)
        return (key in RUNNERS and owner == "sys.modules") or (key in RUNNER_VARIABLES and owner == "os.environ")
    if isinstance(node, ast.Call) and node.args:
        key, asked = text_in(node.args[0]), names.meaning(node.func)
        return (key in RUNNERS and asked == "sys.modules.get") or (
            key in RUNNER_VARIABLES and asked in ("os.environ.get", "os.getenv")
        )
    return False


def changes_framework(node, names: Names) -> bool:
    """Changing the test framework itself, by which code can change how it is judged."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    for target in targets:
        if isinstance(target, ast.Attribute) and names.meaning(target).startswith(("unittest.", "builtins.", "sys.modules")):
            return True
    return isinstance(node, ast.Call) and names.meaning(node.func) in ("gc.get_referrers", "sys._getframe", "sys.settrace")


def reach_concern(node, names: Names, reach: Reach) -> str:
    """`builtins` for what reaches behind the runtime, `tests` for what reads the tests, else empty."""
    if changes_framework(node, names) or asks_for_runner(node, names) or reach.asks(node):
        return "builtins"
    return "reads-tests" if reach.reads_tests(node) else ""
