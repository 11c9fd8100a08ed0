"""The PyTorch target: one module around the C kernels of both types."""

from __future__ import annotations

import builtins
import json
import keyword
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from derive.kernels.build import FLAGS, OPENMP
from derive.kernels.entry import check_wrt
from derive.kernels.lowering.codenames import CodeNames, docstring
from derive.kernels.options import DTYPES, Options
from derive.kernels.targets import c
from derive.kernels.targets.c.interface import Struct, parameters
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.signature import Argument, arguments
from derive.kernels.targets.signature import argument as argument_of
from derive.kernels.targets.start import Start, start
from derive.render import render

# What the templates, Python and torch.nn.Module use; a user's name that is one of these gets an underscore.
RESERVED = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))
RESERVED |= frozenset(
    """
    torch nn Tensor State Output Path Any Dict List NamedTuple Optional Sequence Tuple ctypes hashlib math os platform
    shlex shutil stat subprocess sys tempfile threading CELL ARGUMENTS ARRAYS GIVEN RETURNED GRADIENTS WANTED CLASSES
    SIZES FREE HERE FLAGS LINE NAMESPACE backend self initial arrays sizes complete found final like given loss
    batch_first device dtype reset_parameters count index
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules
    mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule
    share_memory state_dict to to_empty train training type xpu zero_grad
    """.split()
)


@dataclass(frozen=True)
class Array:
    """An array as the templates print it.

    Attributes:
        value: where a call finds it.
        wanted: is there a gradient with respect to it?
        needed: must a call give it?
    """

    group: str
    key: str
    code: str
    value: str
    shape: list[str]
    classes: str
    wanted: bool
    needed: bool = True
    start: Start | None = None


@dataclass(frozen=True)
class Size:
    """A size: `value` is what a call takes for it, "" where the caller says it."""

    code: str
    fixed: str
    value: str


@dataclass(frozen=True)
class Wrapper:
    """What the module is printed from."""

    options: Options
    kernel: Module

    @cached_property
    def names(self) -> CodeNames:
        return CodeNames(self.options.normal, RESERVED | {self.title})

    @property
    def title(self) -> str:
        """The name of the class."""
        return "".join(word[:1].upper() + word[1:] for word in self.options.normal.name.split("_"))

    @property
    def structs(self) -> dict[str, Struct]:
        return {s.name: s for s in self.kernel.structs}

    @cached_property
    def given(self) -> list[Array]:
        """The arrays that every function takes, as the structs have them."""
        wanted = set(check_wrt(self.options.normal, self.options.wrt))
        taken: dict[tuple[str, str], list[Argument]] = {}
        for a in arguments(self.options.normal, self.names):
            taken.setdefault((a.group, a.key), []).append(a)
        return [
            self._array(group, f.key, taken[group, f.key], f.key in wanted)
            for group in ("params", "inputs", "initial")
            for f in (self.structs[group].fields if group in self.structs else ())
        ]

    def _array(self, group: str, key: str, parts: list[Argument], wanted: bool) -> Array:
        first, v = parts[0], self.options.normal[key]
        code = self.names[key]
        shape = [str(len(parts))] * (len(parts) > 1) + list(first.shape)
        value = {"params": f"self.{code}", "inputs": code, "initial": f"initial.{code}"}[group]
        begin = start(v, self.options.normal, self.names) if group == "params" else None
        return Array(group, key, code, value, shape, first.classes, wanted, v.role != "target", begin)

    @cached_property
    def outputs(self) -> list[Array]:
        normal = self.options.normal
        found = [(n, argument_of(normal[n], "outputs", n, 0, self.names)) for n in normal.outputs]
        return [Array("outputs", n, self.names[n], "", list(a.shape), "", False) for n, a in found]

    @cached_property
    def initial(self) -> list[Array]:
        """The states whose values before the first step are given."""
        return [a for a in self.given if a.group == "initial"]

    @cached_property
    def final(self) -> list[Array]:
        """The states whose last values are returned: those that always begin at zero are among them."""
        normal, found = self.options.normal, []
        for f in self.structs["final"].fields if "final" in self.structs else ():
            v = normal[f.key]
            step = argument_of(v, "final", v.name, 0, self.names).shape[1:]
            shape = [str(len(v.initial))] * (len(v.initial) > 1) + list(step)
            found.append(Array("final", f.key, self.names[f.key], "", shape, "", False))
        return found

    @cached_property
    def sizes(self) -> list[Size]:
        """T, B and the cell's own: fixed, read off an input, kept by the module, or the caller's."""
        found = []
        for s in self.kernel.sizes:
            code = s.key if s.key in ("T", "B") else self.names[s.key]
            lead = next((f"{a.code}.shape[{a.shape.index(code)}]" for a in self.given
                         if a.group == "inputs" and a.needed and code in a.shape), "")  # fmt: skip
            value = lead if code in ("T", "B") else f"self.sizes[{json.dumps(code)}]"
            found.append(Size(code, s.fixed, "" if s.fixed else value))
        return found

    def text(self) -> str:
        options, normal, structs = self.options, self.options.normal, self.structs
        loss = bool(normal.total)
        inputs = [a for a in self.given if a.group == "inputs"]
        inputs.sort(key=lambda a: not a.needed)  # what has a default comes last
        asked = [s.code for s in self.sizes if not (s.fixed or s.value)]
        own = [s.code for s in self.sizes if s.code not in ("T", "B") and not s.fixed]
        returned: list[list[str]] = [[]] * loss + [a.shape for a in (*self.outputs, *self.final)]
        like = next(a for a in self.given if not a.classes and a.needed)
        return render(
            "torch/module.py.j2",
            title=docstring(normal.title or normal.name),
            origin=docstring(options.origin),
            **{"cell": normal.name, "class": self.title, "folder": folder(normal.name), "loss": loss},
            assumptions=[docstring(a.text) for a in normal.assumptions],
            fixed=options.fixed,
            how=options.how,
            flags=[*FLAGS, *[OPENMP] * (options.threads > 1)],
            example=", ".join(f"{name}={8 * n}" for n, name in enumerate(own, 1)),
            called=", ".join([*(a.code for a in inputs), *(f"{name}=10" for name in asked)]),
            given=self.given,
            inputs=inputs,
            targets=[a for a in inputs if not a.needed],
            outputs=self.outputs,
            initial=self.initial,
            final=self.final,
            zero=[a.code for a in self.final if a.key not in {b.key for b in self.initial}],
            parameters=[a for a in self.given if a.group == "params"],
            sizes=self.sizes,
            own=own,
            asked=asked,
            passed=[*(a.code for a in inputs), *["initial"] * bool(self.initial), *asked],
            like=like.value,
            returned=returned,
            sequences=[n for n, shape in enumerate(returned) if shape[:2] == ["T", "B"]],
            classes=[a.key for a in self.given if a.classes],
            structs={n: [f.key for f in s.fields] for n, s in structs.items()},
            functions={
                f.name: [name for _, name in parameters(f.name, bool(self.kernel.free), structs.values(), loss)]
                for f in self.kernel.functions
            },
            quoted=json.dumps,
        )


def folder(cell: str) -> str:
    """Where the C files lie, beside the module."""
    return f"{cell}_c"


def files(options: Options) -> dict[str, str]:
    """The module, and the C kernels of both types in a folder."""
    name, found = options.normal.name, dict[str, str]()
    for dtype in DTYPES:
        texts = c.files(replace(options, dtype=dtype))
        found |= {f"{folder(name)}/{dtype}/{file}": text for file, text in texts.items()}
    return {f"{name}_torch.py": Wrapper(options, Module(options)).text(), **found}


def notes(options: Options) -> Iterable[str]:
    """What the caller should know of the files."""
    name = options.normal.name
    return [f"{name}: {name}_torch.py runs the kernels in {folder(name)}, compiled at first use: keep them together"]
