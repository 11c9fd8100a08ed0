"""The slow twin: any program, equation by equation, on arrays of any dtype."""

from derive.interpreter.evaluation import Array, Evaluation
from derive.interpreter.rules import evaluate
from derive.interpreter.scalar import apply_function, scalar_value

__all__ = ["Array", "Evaluation", "apply_function", "evaluate", "scalar_value"]
