"""Places in a Python text, and names in its tree; for code_facts.py."""

import ast
import bisect
import io
import re
import tokenize


class Source:
    """A text whose lines and columns, as the parser counts them, become UTF-16 offsets."""

    def __init__(self, text: str) -> None:
        self.text = text
        # The parser refuses a byte order mark in a text; the rest keeps its place.
        self.shift = 1 if text.startswith("\ufeff") else 0
        self.code = text[self.shift :]
        self.starts = [0] + [match.end() for match in re.finditer(r"\r\n|\r|\n", self.code)]
        self.wide = [index for index, sign in enumerate(self.code) if ord(sign) > 0xFFFF]

    def line(self, number: int) -> str:
        end = self.starts[number] if number < len(self.starts) else len(self.code)
        return self.code[self.starts[number - 1] : end]

    def offset(self, line: int, column: int, in_bytes: bool = True) -> int:
        if line > len(self.starts):
            return self.units(len(self.code))
        text = self.line(line)
        if in_bytes and not text.isascii():
            column = len(text.encode("utf-8", errors="surrogatepass")[:column].decode("utf-8", errors="replace"))
        return self.units(self.starts[line - 1] + column)

    def units(self, index: int) -> int:
        return index + bisect.bisect_left(self.wide, index) + self.shift

    def span(self, node) -> tuple:
        return (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno, node.end_col_offset),
        )

    def find_module(self, start: int) -> tuple:
        """Where the module's name stands in `from x import y`, in UTF-16 units."""
        index = start - self.shift
        index -= bisect.bisect_left(self.wide, index)
        match = re.compile(r"from\s+(\.*[\w.]*)").match(self.code, index)
        if match is None:
            return (start, start)
        return (self.units(match.start(1)), self.units(match.end(1)))

    def code_of(self, node) -> str:
        first = self.line(node.lineno)
        raw = first.encode("utf-8", errors="replace")[node.col_offset :].decode("utf-8", errors="replace")
        return " ".join(raw.split())[:100]


def comments_of(source: Source) -> list:
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.code).readline):
            if token.type == tokenize.COMMENT:
                start = source.offset(*token.start, in_bytes=False)
                end = source.offset(*token.end, in_bytes=False)
                found.append({"text": token.string[1:], "start": start, "end": end, "line": token.start[0]})
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found


def dotted(node, limit: int = 12) -> str:
    """`a.b.c` as a text; empty for anything that is no plain name."""
    parts = []
    while isinstance(node, ast.Attribute) and len(parts) < limit:
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def is_main_guard(node) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Name)
        and node.test.left.id == "__name__"
    )


class Names:
    """What names mean by the imports of a file: `sleep` is `time.sleep` after `from time import sleep`."""

    def __init__(self, tree: ast.Module) -> None:
        self.known: dict = {}
        self.own: set = set()
        self.assigned: dict = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.known[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                for alias in node.names:
                    self.known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.own.add(node.name)
            elif isinstance(node, ast.arg):
                self.own.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.own.add(node.id)
            elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                name = dotted(node.targets[0])
                if name:
                    self.assigned[name] = node.value
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                name = dotted(node.optional_vars)
                if name:
                    self.assigned[name] = node.context_expr

    def meaning(self, node) -> str:
        """The dotted name behind imports; empty for what the file declares itself."""
        name = dotted(node)
        if not name:
            return ""
        first, _, rest = name.partition(".")
        if first in self.known:
            return f"{self.known[first]}.{rest}" if rest else self.known[first]
        return "" if first in self.own else name
