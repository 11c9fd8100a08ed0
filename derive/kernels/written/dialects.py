"""What PyTorch and JAX call things: the phrases from which the texts of peers are made."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field

# What the texts use themselves, or Python does; a user's name that is one of these gets an underscore.
RESERVED = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))
RESERVED |= frozenset("torch F Tensor List jax jnp lax self loss_of steps".split())


@dataclass(frozen=True)
class Dialect:
    """Phrases with {0}, {1} … for operands, {like} for an array of the dtype, {shape} for a shape's numbers.

    A vector is [.., n], a scalar [.., 1], a matrix [.., r, c], with any leading axes.
    """

    name: str
    phrases: Mapping[str, str] = field(repr=False)

    def __getitem__(self, phrase: str) -> str:
        return self.phrases[phrase]


TORCH = Dialect(
    "torch",
    {
        "transpose": "{0}.transpose(-2, -1)",
        "weight transpose": "{0}.t()",
        "linear": "F.linear({0}, {1})",
        "column": "{0}.unsqueeze(-1)",
        "row": "{0}.unsqueeze(-2)",
        "uncolumn": "{0}.squeeze(-1)",
        "unrow": "{0}.squeeze(-2)",
        "sum": "{0}.sum(-1, keepdim=True)",
        "sum rows": "{0}.sum(-2)",
        "sum columns": "{0}.sum(-1)",
        "ones": "{like}.new_ones([{shape}])",
        "zeros": "{like}.new_zeros([{shape}])",
        "eye": "torch.eye({shape}, dtype={like}.dtype)",
        "expand": "({0}).expand([{shape}])",
        "concat": "torch.cat([{0}], -1)",
        "concat rows": "torch.cat([{0}], -2)",
        "diag": "torch.diag_embed({0})",
        "diagonal": "torch.diagonal({0}, 0, -2, -1)",
        "detach": "{0}.detach()",
        "softmax": "torch.softmax({0}, {axis})",
        "log_softmax": "torch.log_softmax({0}, {axis})",
        "gather": "F.embedding({1}, {0})",
        "onehot": "F.one_hot({0}, {shape}).to({like}.dtype)",
        "cross_entropy": 'F.cross_entropy({1}, {0}, reduction="none").unsqueeze(-1)',  # of classes and probabilities
        "binary_cross_entropy": 'F.binary_cross_entropy_with_logits({1}, {0}, reduction="none").sum(-1, keepdim=True)',
        "sum over": "{0}.sum({axis})",
    },
)

JAX = Dialect(
    "jax",
    {
        "transpose": "jnp.swapaxes({0}, -1, -2)",
        "weight transpose": "{0}.T",
        "linear": "{0} @ {1}.T",
        "column": "{0}[..., None]",
        "row": "{0}[..., None, :]",
        "uncolumn": "{0}[..., 0]",
        "unrow": "{0}[..., 0, :]",
        "sum": "jnp.sum({0}, -1, keepdims=True)",
        "sum rows": "jnp.sum({0}, -2)",
        "sum columns": "jnp.sum({0}, -1)",
        "ones": "jnp.ones(({shape},), {like}.dtype)",
        "zeros": "jnp.zeros(({shape},), {like}.dtype)",
        "eye": "jnp.eye({shape}, dtype={like}.dtype)",
        "expand": "jnp.broadcast_to({0}, ({shape},))",
        "concat": "jnp.concatenate([{0}], -1)",
        "concat rows": "jnp.concatenate([{0}], -2)",
        "diag": "({0}[..., None] * jnp.eye({shape}, dtype={like}.dtype))",
        "diagonal": "jnp.diagonal({0}, axis1=-2, axis2=-1)",
        "detach": "lax.stop_gradient({0})",
        "softmax": "jax.nn.softmax({0}, {axis})",
        "log_softmax": "jax.nn.log_softmax({0}, {axis})",
        "gather": "{0}[{1}]",
        "pad": "_pad({0}, -1, {1}, {2})",
        "pad rows": "_pad({0}, -2, {1}, {2})",
        "at step": "jnp.where((jnp.arange(T) == {1}){index}, {0}, 0)",
        "outer": 'jnp.einsum("{lead}i,{lead}j->{kept}ij", {0}, {1})',
        "onehot": "jax.nn.one_hot({0}, {shape}, dtype={like}.dtype)",
        "cross_entropy": "-jnp.sum({0} * jax.nn.log_softmax({1}), -1, keepdims=True)",
        "cross_entropy classes": "-jnp.take_along_axis(jax.nn.log_softmax({1}), {0}[..., None], -1)",
        "binary_cross_entropy": (
            "jnp.sum({0} * jax.nn.softplus(-{1}) + (1 - {0}) * jax.nn.softplus({1}), -1, keepdims=True)"
        ),
        "sum over": "jnp.sum({0}, {axis})",
    },
)
