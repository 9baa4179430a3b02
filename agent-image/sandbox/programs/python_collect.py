"""Finds the tests of a Python file: what unittest runs, and what pytest runs without fixtures of its own.

A file is loaded by its path under its dotted name, so that `test/` works although the standard library has a package of
that name, and two files of one name do not meet. What looks like a test and cannot be run is told with the reason.
"""

import asyncio
import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import types
import unittest

from python_checks import compiled, helpers

__unittest = True

LEFT_OUT = {"node_modules", "venv", "env", "build", "dist", "docs", "site-packages"}


def prepare_path(root: str, files: list, startup: frozenset) -> None:
    """Puts onto sys.path what `python -m unittest` in the root, an installed project, and pytest would find."""
    ours = os.path.dirname(os.path.abspath(__file__))
    first = list(dict.fromkeys(one for file in files for one in first_folders(root, file)))
    last = [one for base in (os.getcwd(), root) for one in source_roots(base)]
    theirs = [one for one in sys.path if one not in ("", ours)]
    sys.path[:] = dict.fromkeys([*filter(os.path.isdir, first), *theirs, *last])
    importlib.invalidate_caches()
    # A module of the project wins over one of the standard library where it would if nobody had imported that before.
    for entry in first:
        for name in project_modules(entry):
            if name in sys.modules and name not in startup and name not in ("unittest", "__main__"):
                for known in [one for one in sys.modules if one == name or one.startswith(name + ".")]:
                    del sys.modules[known]


def first_folders(root: str, file: str) -> list:
    """Where a file that has a process of its own looks first for what it imports."""
    path = os.path.join(root, file)
    folders = [split_name(root, file)[0] if in_package(path) else os.path.dirname(path)]
    for base in (os.getcwd(), root):
        folders += [base, os.path.join(base, "src")]
    return folders


def own_modules(root: str, file: str) -> tuple:
    """What a file finds that has a process of its own: modules by name, each with the places where it may be.

    The folder of the file's package comes last, or None when the file is in none.
    """
    places = {}
    for folder in first_folders(root, file):
        for name in project_modules(folder):
            paths = os.path.join(folder, name, "__init__.py"), os.path.join(folder, name + ".py")
            places.setdefault(name, [os.path.realpath(path) for path in paths])
    top, names = split_name(root, file)
    folder = os.path.relpath(os.path.join(root, file), top).split(os.sep)[0]
    return places, (names[0], os.path.join(top, folder)) if len(names) > 1 else None


def finds_its_own(root: str, own: tuple) -> bool:
    """Whether a file that shares its process found the modules that it finds alone.

    Two folders may hold a `helpers.py` each, for the test files next to it. A process has one module of a name.
    """
    places, package = own
    for name, paths in places.items():
        found = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(found, str) and found.startswith(root + "/") and os.path.realpath(found) not in paths:
            return False
    if package is None:
        return True
    name, folder = package
    found = [one for one in getattr(sys.modules.get(name), "__path__", ()) if str(one).startswith(root + "/")]
    return not found or folder in found


def project_modules(folder: str):
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".py"):
            yield name[:-3]
        elif os.path.isfile(os.path.join(path, "__init__.py")):
            yield name


def source_roots(base: str):
    """Folders that hold packages and are none themselves, such as `lib`."""
    for name in project_folders(base):
        path = os.path.join(base, name)
        if not os.path.exists(os.path.join(path, "__init__.py")) and any(
            os.path.isfile(os.path.join(path, one, "__init__.py")) for one in project_folders(path)
        ):
            yield path


def project_folders(base: str):
    try:
        with os.scandir(base) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []
    return [name for name in names if not name.startswith(".") and name not in LEFT_OUT]


def in_package(path: str) -> bool:
    return os.path.exists(os.path.join(os.path.dirname(path), "__init__.py"))


def split_name(root: str, file: str):
    """The folder that the dotted name of a file begins in, and the parts of the name."""
    parts = file[: -len(".py")].split("/")
    first = 0
    if in_package(os.path.join(root, file)):
        # The package begins below the last folder that is none.
        first = len(parts) - 1
        while first > 0 and os.path.exists(os.path.join(root, *parts[:first], "__init__.py")):
            first -= 1
    names = [part.replace(".", "_") for part in parts[first:]]
    return os.path.join(root, *parts[:first]) if first else root, names


def load_file(root: str, file: str, count: bool, again: bool = True):
    """Loads a file under its dotted name; with `count`, its asserts are counted. Raises what it raises.

    Without `again`, a file that another one has imported is taken as it is, as by unittest.
    """
    top, names = split_name(root, file)
    folder = top
    parent = None
    folders = os.path.relpath(os.path.join(root, file), top).split(os.sep)
    for depth in range(1, len(names)):
        name = ".".join(names[:depth])
        folder = os.path.join(folder, folders[depth - 1])
        module = sys.modules.get(name)
        if module is None or folder not in list(getattr(module, "__path__", [])):
            module = load_parent(name, folder)
        if parent is not None:
            setattr(parent, names[depth - 1], module)
        parent = module
    if names[-1] == "__init__" and parent is not None:
        return parent
    name = ".".join(names)
    path = os.path.join(root, file)
    if not again and getattr(sys.modules.get(name), "__file__", None) == path:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if parent is not None:
        setattr(parent, names[-1], module)
    if count:
        module.__dict__.update(helpers())
        with open(path, "rb") as text:
            code = compiled(text.read(), path)
        exec(code, module.__dict__)
    else:
        spec.loader.exec_module(module)
    return sys.modules.get(name, module)


def load_parent(name: str, folder: str):
    start = os.path.join(folder, "__init__.py")
    if os.path.exists(start):
        spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=[folder])
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return sys.modules.get(name, module)
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [folder]
    module = types.ModuleType(name)
    module.__spec__, module.__path__, module.__package__ = spec, [folder], name
    sys.modules[name] = module
    return module


class PlainTest(unittest.TestCase):
    """A test function that belongs to no TestCase."""

    def __init__(self, label: str, body) -> None:
        super().__init__("run_body")
        self.label = label
        self.body = body

    def run_body(self):
        result = self.body()
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        return result


def collect(module, root: str):
    """The suite of a module's tests, and what was left out: [(name or None, why)]."""
    unrun = []
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    suite.addTest(loader.loadTestsFromModule(module))
    if hasattr(module, "load_tests"):
        kept = {type(test).__qualname__ + test.id().rpartition(".")[2] for test in flattened(suite)}
        for test in flattened(unittest.TestSuite(map(loader.loadTestsFromTestCase, cases_of(module)))):
            if type(test).__qualname__ + test._testMethodName not in kept:
                unrun.append((f"{type(test).__qualname__} > {test._testMethodName}", "load_tests leaves it out"))
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    for value in unique(classes):
        if value.__module__ == module.__name__:
            unrun.extend(nested_cases(value))
    for name, value in list(vars(module).items()):
        if inspect.isfunction(value) and name.startswith("test") and is_own(value, module, root):
            why = why_not(value, skip_self=False)
            if why is None:
                suite.addTest(made_for(module, PlainTest)(name, function_body(module, value)))
            else:
                unrun.append((name, why))
        elif isinstance(value, type) and name.startswith("Test") and value.__module__ == module.__name__:
            add_plain_class(suite, unrun, module, value, classes)
    alias_module_hooks(module)
    if not suite.countTestCases() and not unrun:
        own = [one for one in vars(module).values() if getattr(one, "__module__", None) == module.__name__]
        if any(">>>" in str(getattr(one, "__doc__", "")) for one in (module, *own)):
            unrun.append((None, "it holds only doctests, which are not run here"))
    return suite, unrun


def cases_of(module):
    return [
        value
        for value in unique(vars(module).values())
        if isinstance(value, type)
        and issubclass(value, unittest.TestCase)
        and value not in (unittest.TestCase, unittest.FunctionTestCase, unittest.IsolatedAsyncioTestCase)
    ]


def unique(values):
    return list({id(value): value for value in values}.values())


def flattened(suite):
    for test in suite:
        if isinstance(test, unittest.BaseTestSuite):
            yield from flattened(test)
        elif test is not None:
            yield test


def is_own(function, module, root: str) -> bool:
    """Defined here, or in a helper of the tests; a function of the project that is called test… is no test."""
    if function.__module__ == module.__name__:
        return True
    path = inspect.unwrap(function).__code__.co_filename
    return path.startswith(root + "/") and "test" in path[len(root) :].lower()


def why_not(function, skip_self: bool):
    """Why a test function cannot be run; None when it can."""
    if getattr(function, "pytestmark", None):
        return "it has marks of pytest"
    try:
        parameters = list(inspect.signature(function).parameters.values())[1 if skip_self else 0 :]
    except (TypeError, ValueError):
        return "its parameters cannot be read"
    needed = [
        one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if not needed:
        return None
    many = "fixture" if len(needed) == 1 else "fixtures"
    return f"it needs the pytest {many} {', '.join(needed)}"


def nested_cases(outer):
    for value in vars(outer).values():
        if not isinstance(value, type) or value.__qualname__ != f"{outer.__qualname__}.{value.__name__}":
            continue
        if issubclass(value, unittest.TestCase):
            for method in unittest.defaultTestLoader.getTestCaseNames(value):
                yield f"{value.__qualname__} > {method}", "it is nested in a class, where unittest does not look for tests"
        yield from nested_cases(value)


def add_plain_class(suite, unrun, module, value, classes) -> None:
    """A class `Test…` that is no TestCase: pytest runs it, with its own hooks."""
    if issubclass(value, unittest.TestCase) or getattr(value, "__test__", True) is False:
        return
    # A base of test cases is run as part of those.
    if any(issubclass(one, value) and issubclass(one, unittest.TestCase) for one in classes):
        return
    methods = [name for name in dir(value) if name.startswith("test") and callable(getattr(value, name))]
    if methods and (value.__init__ is not object.__init__ or value.__new__ is not object.__new__):
        unrun.append((value.__qualname__, "the class has a constructor, so no test runner would run it"))
        methods = []
    able = []
    for name in methods:
        plain = inspect.getattr_static(value, name)
        why = why_not(getattr(value, name), skip_self=inspect.isfunction(plain))
        if getattr(value, "pytestmark", None):
            why = "its class has marks of pytest"
        if why is None:
            able.append(name)
        else:
            unrun.append((f"{value.__qualname__} > {name}", why))
    case = plain_case(module, value, able)
    suite.addTests(case(name) for name in able)
    for inner in list(vars(value).values()):
        if isinstance(inner, type) and inner.__name__.startswith("Test") and inner.__module__ == module.__name__:
            add_plain_class(suite, unrun, module, inner, classes)


def plain_case(module, value, names):
    """A TestCase that runs the methods of a plain class, each on an instance of its own."""

    def set_up(self):
        self.instance = value()
        call_hook(self.instance, "setup_method", getattr(self.instance, self._testMethodName))

    def tear_down(self):
        call_hook(self.instance, "teardown_method", getattr(self.instance, self._testMethodName))

    def runner(name):
        def run(self):
            result = getattr(self.instance, name)()
            return asyncio.run(result) if inspect.iscoroutine(result) else result

        return run

    members = {name: runner(name) for name in names}
    members.update(setUp=set_up, tearDown=tear_down)
    members["setUpClass"] = classmethod(lambda cls: call_hook(value, "setup_class", value))
    members["tearDownClass"] = classmethod(lambda cls: call_hook(value, "teardown_class", value))
    case = type(value.__name__, (unittest.TestCase,), members)
    case.__module__, case.__qualname__ = module.__name__, value.__qualname__
    return case


def call_hook(owner, name: str, argument) -> None:
    hook = getattr(owner, name, None)
    if hook is None:
        return
    takes = [one for one in inspect.signature(hook).parameters.values() if one.default is one.empty]
    hook(argument) if takes else hook()


def function_body(module, function):
    def body():
        call_hook(module, "setup_function", function)
        try:
            return function()
        finally:
            call_hook(module, "teardown_function", function)

    if not hasattr(module, "setup_function") and not hasattr(module, "teardown_function"):
        return function
    return body


def made_for(module, base):
    """`base` as a class of the module, so that the module's hooks run around it."""
    made = type(base.__name__, (base,), {})
    made.__module__ = module.__name__
    return made


def alias_module_hooks(module) -> None:
    """pytest's names for what unittest calls setUpModule and tearDownModule."""
    for theirs, ours in (("setup_module", "setUpModule"), ("teardown_module", "tearDownModule")):
        if hasattr(module, theirs) and not hasattr(module, ours):
            setattr(module, ours, lambda name=theirs: call_hook(module, name, module))
