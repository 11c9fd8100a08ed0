"""The rules of nodes that move entries: parts put together, cut out, laid on a diagonal, multiplied pairwise."""

from __future__ import annotations

from sympy import Integer

from derive.algebra.nodes import Blocks, Concat, Diag, DiagPart, Entry, Kronecker, Norm, Pad, Reshape, Slice
from derive.errors import UnsupportedError
from derive.proof.field.domain import Rows
from derive.proof.field.duals import Dual
from derive.proof.field.reals import Reals
from derive.proof.field.rules import Env, Run, evaluate, sizes, values


@evaluate.register(Concat)
def _(node: Concat, run: Run, env: Env) -> Dual:
    return run.matrices.stack(values(node, run, env))


@evaluate.register(Blocks)
def _(node: Blocks, run: Run, env: Env) -> Dual:
    cells = range(node.block_cols)
    rows = [[run.part(node.block(i, j), env) for j in cells] for i in range(node.block_rows)]
    return run.matrices.stack([run.matrices.stack(row, beside=True) for row in rows])


@evaluate.register(Slice)
def _(node: Slice, run: Run, env: Env) -> Dual:
    low, high = run.integer(node.low), run.integer(node.high)
    if not 0 <= low <= high <= run.integer(node.arg.shape[0]):
        raise UnsupportedError("rows that are not there at these sizes")
    return run.matrices.linear(lambda rows: rows[low:high], run.part(node.arg, env))


@evaluate.register(Pad)
def _(node: Pad, run: Run, env: Env) -> Dual:
    low = run.integer(node.low.xreplace({s: Integer(n) for s, n in env.items()}))
    (rows, cols), zero = sizes(node, run), run.matrices.domain.zero
    run.matrices.check(rows, cols)

    def pad(a: Rows) -> Rows:
        after = rows - low - len(a)
        if after < 0:
            raise UnsupportedError("a part that is longer than what it is padded to")
        return [*([zero] * cols for _ in range(low)), *a, *([zero] * cols for _ in range(after))]

    return run.matrices.linear(pad, run.part(node.arg, env))


@evaluate.register(Norm)
def _(node: Norm, run: Run, env: Env) -> Dual:
    domain = run.matrices.domain
    if not isinstance(domain, Reals):
        raise UnsupportedError("there are no norms in a finite field")
    return Dual([[domain.norm(run.part(node.arg, env).rows, node.kind)]])


@evaluate.register(Reshape)
def _(node: Reshape, run: Run, env: Env) -> Dual:
    rows, cols = sizes(node, run)

    def fold(a: Rows) -> Rows:
        flat = [x for row in a for x in row]
        return [flat[i * cols : (i + 1) * cols] for i in range(rows)]

    return run.matrices.linear(fold, run.part(node.arg, env))


@evaluate.register(Diag)
def _(node: Diag, run: Run, env: Env) -> Dual:
    zero = run.matrices.domain.zero
    run.matrices.check(*sizes(node, run))

    def spread(a: Rows) -> Rows:
        return [[a[i][0] if i == j else zero for j in range(len(a))] for i in range(len(a))]

    return run.matrices.linear(spread, run.part(node.arg, env))


@evaluate.register(Entry)
def _(node: Entry, run: Run, env: Env) -> Dual:
    now = {s: Integer(n) for s, n in env.items()}  # i·n + j, the place of an entry in a row of all, has sizes in it
    row, col = run.integer(node.row.xreplace(now)), run.integer(node.col.xreplace(now))
    rows, cols = sizes(node.arg, run)
    if not (0 <= row < rows and 0 <= col < cols):
        raise UnsupportedError(f"there is no entry ({row}, {col}) in a matrix of {rows} × {cols}")
    return run.matrices.linear(lambda a: [[a[row][col]]], run.part(node.arg, env))


@evaluate.register(DiagPart)
def _(node: DiagPart, run: Run, env: Env) -> Dual:
    return run.matrices.linear(lambda a: [[row[i]] for i, row in enumerate(a)], run.part(node.arg, env))


@evaluate.register(Kronecker)
def _(node: Kronecker, run: Run, env: Env) -> Dual:
    mul = run.matrices.domain.mul
    run.matrices.check(*sizes(node, run))

    def times(x: Rows, y: Rows) -> Rows:
        return [[mul(p, q) for p in u for q in v] for u in x for v in y]

    return run.matrices.bilinear(times, *values(node, run, env))
