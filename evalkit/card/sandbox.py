"""A template of a stranger -> its text: it reaches neither code nor files, and its work is bounded.

jinja2's sandbox keeps templates from Python's inside. Here it has few filters and methods, all that
is written is escaped unless evalkit made it, and each step of a loop and each character made
counts, so that a template that a downloaded card names can neither hang nor fill the memory.
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jinja2
from jinja2 import nodes, pass_eval_context
from jinja2.compiler import CodeGenerator, Frame, operators
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context, LoopContext
from jinja2.runtime import Macro as _Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner

from evalkit.card.filters import cost, filters_of, tests_of
from evalkit.card.made import Made, joined
from evalkit.card.views import View
from evalkit.errors import UsageError
from evalkit.public import public
from evalkit.report.environment import settings
from evalkit.report.table import printable, shortened

WORK = 3_000_000
"""How much a template may do: characters made, and steps of loops, of which each is some."""

_STEP, _MACRO, _WRITTEN = 5, 30, 10  # what a step, a macro's call and an escaped value count
_REASON = 300  # characters of an error
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_WIDTH = re.compile(r"%[^a-zA-Z]*\*|\{[^}]*\{")
_GLOBALS = ("dict", "namespace", "cycler", "joiner")
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {
            *("capitalize", "casefold", "count", "endswith", "find", "isalpha", "isdigit", "lower"),
            *("lstrip", "partition", "removeprefix", "removesuffix", "rfind", "rpartition"),
            *("rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"),
            *("center", "ljust", "replace", "rjust", "zfill"),
        }
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    LoopContext: frozenset({"changed", "cycle"}),
    Cycler: frozenset({"next", "reset"}),
}


class Macro(_Macro):
    """A macro, whose text is Markdown: all in it was escaped when it was written."""

    def _invoke(self, arguments: list[Any], autoescape: bool) -> str:  # noqa: FBT001 - jinja2's
        del autoescape
        return Made(self._func(*arguments))


class _Generator(CodeGenerator):
    """Templates as Python: loops and macros count their steps, and text is joined as `Made`."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802
        super().visit_Template(node, frame)
        self.writeline("from evalkit.card.sandbox import Macro, Made as Markup")

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802
        node.body.insert(0, _step(node))
        if node.test is not None:  # it is asked for items, too, of which the body sees none
            node.iter = nodes.Call(_of_environment("weighed"), [node.iter], [], None, None)
        super().visit_For(node, frame)

    def visit_Macro(self, node: nodes.Macro, frame: Frame) -> None:  # noqa: N802
        node.body.insert(0, _step(node, _MACRO))
        super().visit_Macro(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        if isinstance(node.arg, nodes.Slice):  # a copy
            node.node = nodes.Call(_of_environment("weighed"), [node.node], [], None, None)
        super().visit_Getitem(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_Operand(self, node: nodes.Operand, frame: Frame) -> None:  # noqa: N802
        self.write(f" {operators[node.op]} environment.weighed(")
        self.visit(node.expr, frame)
        self.write(")")


def _step(node: nodes.Node, amount: int = _STEP) -> nodes.Node:
    """A call that counts a step, and the template's own words that it writes."""
    words = sum(len(part.data) for part in node.find_all(nodes.TemplateData))
    call = nodes.Call(_of_environment("spend"), [nodes.Const(amount + words)], [], None, None)
    return nodes.ExprStmt(call).set_lineno(node.lineno, override=True)


def _of_environment(name: str) -> nodes.Expr:
    return nodes.EnvironmentAttribute(name)


@pass_eval_context
def _written(_: EvalContext, value: Any) -> Any:
    """What a template writes, as Markdown that can only be its text."""
    return value if isinstance(value, (Made, jinja2.Undefined)) else Made.escape(value)


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment for one template."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    code_generator_class = _Generator

    def __init__(self) -> None:
        """Nothing is done yet."""
        super().__init__(autoescape=True, optimized=False, finalize=self._finalized, **settings())
        self.left = WORK
        self.filters = filters_of(self)
        self.tests = tests_of(self)
        self.globals = {name: self.globals[name] for name in _GLOBALS}
        self.globals["range"] = self._range

    @pass_eval_context
    def _finalized(self, context: EvalContext, value: Any) -> Any:
        self.spend(_WRITTEN)
        self.weigh(value)
        return _written(context, value)

    def _range(self, *ends: int) -> range:
        made = range(*ends)
        self.spend(len(made))
        return made

    def spend(self, amount: int) -> None:
        """Count some work.

        Raises:
            TemplateRuntimeError: It is too much.
        """
        self.left -= amount
        if self.left < 0:
            message = f"it does too much: more than {WORK:,} steps of loops and characters"
            raise jinja2.TemplateRuntimeError(message)

    def weigh(self, value: Any, times: int = 1) -> None:
        """Count what it takes to write a value, so many times."""
        if isinstance(value, str):
            self.spend(len(value) * times)
        elif isinstance(value, int):
            self.spend(1 + value.bit_length() * times // 3)
        elif isinstance(value, Mapping):
            self.weigh(tuple(value.items()), times)
        elif isinstance(value, range):
            self.spend(len(value) * times)
        elif isinstance(value, (list, tuple)):
            self.spend(1)
            for inner in value:
                self.weigh(inner, times)
        else:
            self.spend(times)

    def weighed(self, value: Any) -> Any:
        """The value, when it is counted."""
        self.weigh(value)
        return value

    def joined(self, parts: Sequence[Any]) -> str:
        """What `~` makes of some values."""
        self.weigh(parts)
        return joined(parts)

    def weigh_format(self, text: str, sign: str, told: Sequence[Any]) -> None:
        """Count what a text becomes in which values are set.

        Args:
            text: With places for values.
            sign: What begins a place.
            told: The values.
        """
        places = 1 + text.count(sign)
        self.spend(len(text) + sum(map(int, re.findall(r"\d+", text))))
        for value in told:
            if isinstance(value, int) and _WIDTH.search(text):  # it may be the width of a place
                self.spend(abs(value))
            self.weigh(value, places)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A value's attribute; what a view shows is made for each who asks, so it is counted."""
        value = super().getattr(obj, attribute)
        return self.weighed(value) if isinstance(obj, View) else value

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A value's item; of a view as `getattr`."""
        value = super().getitem(obj, argument)
        return self.weighed(value) if isinstance(obj, View) else value

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The outcome of `+`, `*`, `**` or `%`, when it is counted."""
        if operator == "%" and isinstance(left, str):
            told = right if isinstance(right, tuple) else (right,)
            self.weigh_format(left, "%", told)
        else:
            self.spend(_grown(operator, left, right))
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        """A text's method `format`, which counts what it makes."""
        made = super().wrap_str_format(value)
        if made is None:
            return None
        return _Format(self, value.__self__, made)

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether it is a macro, a global function, or a method that reads."""
        if isinstance(obj, (_Macro, LoopContext, BlockReference, Joiner, _Format)):
            return True
        if obj in (self.spend, self.weighed) or any(
            obj is known for known in self.globals.values()
        ):
            return True
        owner = getattr(obj, "__self__", None)
        is_method = isinstance(obj, (types.BuiltinMethodType, types.MethodType))
        return is_method and any(
            isinstance(owner, kind) and obj.__name__ in names for kind, names in _METHODS.items()
        )

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The outcome of a call, when it is counted."""
        owner = getattr(called, "__self__", None)
        if isinstance(owner, str):
            self.spend(cost(owner, (*args, *kwargs.values())))
        return super().call(context, called, *args, **kwargs)


class _Format:
    """A text's method `format`."""

    def __init__(self, sandbox: Sandbox, text: str, made: Any) -> None:
        self._sandbox, self._text, self._made = sandbox, text, made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._sandbox.weigh_format(self._text, "{", (*args, *kwargs.values()))
        return self._made(*args, **kwargs)


def _grown(operator: str, left: Any, right: Any) -> int:
    """How much an operation makes: characters, items, or digits."""
    if isinstance(left, int) and isinstance(right, int):
        if operator == "**":
            return 1 + left.bit_length() * abs(right)
        return 1 + left.bit_length() + right.bit_length()
    sizes = [len(side) for side in (left, right) if isinstance(side, (str, list, tuple))]
    if operator == "+":
        return 1 + sum(sizes)
    times = [side for side in (left, right) if isinstance(side, int)]
    return 1 + (sizes[0] * max(times[0], 0) if sizes and times else 0)


LAYOUT = frozenset({"sections", "sources", "slips", "definitions"})
"""What templates have where there is a layout, beside what all have."""


def rendered(text: str, name: str, context: Mapping[str, Any]) -> str:
    """What a template writes; the boundary at which its errors are a sentence.

    Args:
        text: The template.
        name: Its name, for errors.
        context: What it is given: views, numbers and Markdown (`evalkit.card.views.view_of`).

    Raises:
        UsageError: It is broken, asks for what there is not, or does too much.
    """
    try:
        return "".join(Sandbox().from_string(text).generate(context))
    except Exception as error:
        raise UsageError(_sentence(error, name, context)) from error


def _sentence(error: Exception, name: str, context: Collection[str]) -> str:
    line = _line(error)
    where = f"The template {printable(name)}" + (f", line {line}," if line else "")
    asked = _UNDEFINED.fullmatch(str(error))
    if isinstance(error, jinja2.UndefinedError) and asked and asked[1] in LAYOUT - {*context}:
        return (
            f"{where} asks for {asked[1]}: --template {printable(name)} needs --layout FILE.toml."
        )
    if isinstance(error, RecursionError):
        return f"{where} cannot be used: it calls itself without an end."
    reason = shortened(public(str(error)), _REASON).rstrip(". ") or type(error).__name__
    return f"{where} cannot be used: {reason}."


def _line(error: Exception) -> int | None:
    """The line of the template at which an error was raised; None where nothing says it."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno
    found, trace = None, error.__traceback__
    while trace is not None:
        found = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<template>" else found
        trace = trace.tb_next
    return found
