"""Checks the syntax of Python files without running them and without leaving compiled files behind."""

import ast
import sys

for path in sys.argv[1:]:
    try:
        with open(path, encoding="utf-8") as file:
            ast.parse(file.read(), path)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        text = (getattr(error, "text", None) or "").rstrip()
        print(f"{path}:{line}\n{text}\n{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
