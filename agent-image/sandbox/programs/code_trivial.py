"""Assertions that hold whatever the code does, and comparisons that nobody looks at; for code_concerns.py."""

import ast
import re

from code_tests import FUNCTIONS, called, is_assertion
from code_text import dotted

PLAIN = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp,
         ast.expr_context, ast.unaryop)
EQUALITIES = r"assert(Equals?|Is|(Count|List|Dict|Set|Tuple|Sequence|MultiLine|AlmostEqual)\w*|AlmostEqual)"
ORDERS = {"assertGreaterEqual": ast.GtE, "assertGreater": ast.Gt}


def is_trivial(node) -> bool:
    if isinstance(node, ast.Assert):
        return always(node.test, True)
    if not isinstance(node, ast.Call) or not is_assertion(node):
        return False
    name = called(node)
    first, second, *_ = [*node.args, None, None]
    if first is None:
        return False
    if name in ("assertTrue", "assert_"):
        return always(first, True)
    if name == "assertFalse":
        return always(first, False)
    if name == "assertIsNone":
        return isinstance(first, ast.Constant) and first.value is None
    if second is None:
        return False
    if name == "assertIn":
        return holds_itself(first, second)
    if name == "assertIsInstance":
        return dotted(second) == "object"
    if name in ORDERS:
        return is_size(first, ORDERS[name], second)
    if re.fullmatch(EQUALITIES, name):
        # `assertEqual(a == b or True, True)` is assertTrue in other words.
        for left, right in ((first, second), (second, first)):
            if isinstance(right, ast.Constant) and isinstance(right.value, bool):
                if not isinstance(left, ast.Constant) and always(left, right.value, exact=True):
                    return True
        return same(first, second)
    return False


def always(node, want: bool, exact: bool = False) -> bool:
    """Whether an expression is true, or false, whatever the names in it stand for; `exact`: a boolean, no other value."""
    if isinstance(node, ast.Constant):
        return node.value is want if exact else bool(node.value) is want
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return always(node.operand, not want)
    if isinstance(node, ast.BoolOp):
        # One value decides `or` when it is true, and `and` when it is false.
        decides = isinstance(node.op, ast.Or) is want
        found = [always(one, want, exact) for one in node.values]
        return any(found) or is_either(node.values) if decides else all(found)
    if isinstance(node, ast.IfExp):
        return always(node.body, want, exact) and always(node.orelse, want, exact)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return compares_always(node.left, node.ops[0], node.comparators[0], want)
    if isinstance(node, ast.NamedExpr):
        return always(node.value, want, exact)
    if exact or not want:
        return not exact and isinstance(node, (ast.Tuple, ast.List, ast.Dict)) and not want and node_size(node) == 0
    if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
        return node_size(node) > 0
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(one, ast.Constant) and one.value for one in node.values)
    if isinstance(node, ast.Call) and dotted(node.func) == "isinstance" and len(node.args) == 2:
        return dotted(node.args[1]) == "object"
    return isinstance(node, ast.Lambda)


def node_size(node) -> int:
    return len(node.keys if isinstance(node, ast.Dict) else node.elts)


def compares_always(left, sign, right, want: bool) -> bool:
    if isinstance(sign, (ast.Eq, ast.Is)):
        return want and same(left, right)
    if isinstance(sign, (ast.NotEq, ast.IsNot)):
        return not want and same(left, right)
    if isinstance(sign, ast.In):
        return want and holds_itself(left, right)
    if isinstance(sign, ast.NotIn):
        return not want and holds_itself(left, right)
    if isinstance(sign, (ast.LtE, ast.Lt)):
        return want and is_size(right, ast.GtE if isinstance(sign, ast.LtE) else ast.Gt, left)
    return want and is_size(left, type(sign), right)


def is_size(left, sign, right) -> bool:
    """`len(…) >= 0`."""
    if not isinstance(left, ast.Call) or dotted(left.func) != "len":
        return False
    if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
        return sign in (ast.Gt, ast.GtE)
    return sign is ast.GtE and isinstance(right, ast.Constant) and right.value == 0


def is_either(values: list) -> bool:
    """`a == b or a != b`, and `a or not a`: one of both is always true. The same pair with `and` never is."""
    shown = [ast.dump(one) for one in values]
    for one in values:
        if isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.Not) and ast.dump(one.operand) in shown:
            return True
        if isinstance(one, ast.Compare) and len(one.ops) == 1 and isinstance(one.ops[0], (ast.Eq, ast.Is, ast.In)):
            other = {ast.Eq: ast.NotEq(), ast.Is: ast.IsNot(), ast.In: ast.NotIn()}[type(one.ops[0])]
            if ast.dump(ast.Compare(one.left, [other], one.comparators)) in shown:
                return True
    return False


def holds_itself(item, container) -> bool:
    """A value that is looked for in a list that was made of it."""
    if not isinstance(container, (ast.List, ast.Tuple, ast.Set)) or isinstance(item, ast.Constant):
        return False
    return any(ast.dump(one) == ast.dump(item) for one in container.elts)


def same(left, right) -> bool:
    if not all(isinstance(one, PLAIN) for one in ast.walk(left)):
        return False
    return ast.dump(left) == ast.dump(right)


def unasserted(tree: ast.Module) -> list:
    """Comparisons that are statements of their own, but for those that are to raise."""
    found = []

    def visit(node, inside: bool) -> None:
        if isinstance(node, ast.Expr) and inside and compares(node.value):
            found.append(node)
        for child in ast.iter_child_nodes(node):
            # A comparison may be what has to raise.
            raises = isinstance(child, (ast.With, ast.AsyncWith, ast.Try))
            visit(child, inside and not raises or isinstance(child, FUNCTIONS))

    visit(tree, False)
    return found


def compares(node) -> bool:
    if isinstance(node, ast.BoolOp):
        return any(compares(one) for one in node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return True
    return isinstance(node, ast.Compare)
