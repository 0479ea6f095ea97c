"""`make mutants` changes what is said to machines, and not what is said to people."""

import libcst as cst
import pytest
import torch

from tools.mutants import NoGradInside, argument_gone, other_text


def code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("f(1, 2)", ["f(None, 2)", "f(1, None)", "f(2)", "f(1, )"]),
        ("f(x, 'call fit first')", ["f(None, 'call fit first')", "f('call fit first')"]),
        ("f(x, hint=advice)", ["f(None, hint=advice)", "f(hint=advice)"]),
        ("f(f'{x} of {y}')", []),
    ],
)
def test_arguments_that_are_prose_stay(call: str, expected: list[str]) -> None:
    assert [code(changed) for changed in argument_gone(cst.parse_expression(call))] == expected


def test_prose_stays_and_names_change() -> None:
    assert not list(other_text(cst.parse_expression("'no item is left'")))
    changed = [code(text) for text in other_text(cst.parse_expression("'recall'"))]
    assert changed == ["'XXrecallXX'", "'RECALL'"]


def test_a_decorator_goes_inside() -> None:
    given = '''
@torch.no_grad()
def enabled(x):
    """What it says."""
    return torch.is_grad_enabled(), x

@property
def other(self):
    return 1
'''
    changed = cst.parse_module(given).visit(NoGradInside()).code
    assert "@torch" not in changed and "@property" in changed
    names: dict = {"torch": torch}
    exec(changed, names)
    assert names["enabled"](7) == (False, 7)
    assert names["enabled"].__doc__ == "What it says."
