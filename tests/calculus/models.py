"""Cells that each hold one thing an adjoint or a tangent can get wrong; sizes distinct and ≥ 2."""

from __future__ import annotations

from derive.program import Program
from tests.calculus.checks import model

SIZES = {"I": 2, "H": 3, "O": 4, "K": 5}

TEXTS: dict[str, str] = {
    "elman": """
cell elman
dims I, H, O
input x : I
target y : O where sum(y) == 1
state h : H
param U : H x I
param W : H x H
param V : O x H
h[t] = tanh(U @ x[t] + W @ h[t-1])
yhat[t] = softmax(V @ h[t])
loss[t] = cross_entropy(y[t], yhat[t])
""",
    "lstm": """
cell lstm
dims I, H, O
input x : I
target y : O
state h, c : H
param U_i, U_f, U_o, U_g : H x I
param W_i, W_f, W_o, W_g : H x H
param b_i, b_f, b_o, b_g : H
param V : O x H
i[t] = sigmoid(U_i @ x[t] + W_i @ h[t-1] + b_i)
f[t] = sigmoid(U_f @ x[t] + W_f @ h[t-1] + b_f)
o[t] = sigmoid(U_o @ x[t] + W_o @ h[t-1] + b_o)
g[t] = tanh(U_g @ x[t] + W_g @ h[t-1] + b_g)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
z[t] = V @ h[t]
loss[t] = squared_error(y[t], z[t])
""",
    "lags": """
cell lags "three lags, and one state that is only read two steps back"
dims I, H, O
input x : I
target y : O
state h : H
state s : O
param U : H x I
param W_1, W_2, W_3 : H x H
param R : H x O
param V : O x H
h[t] = tanh(U @ x[t] + W_1 @ h[t-1] + W_2 @ h[t-2] + W_3 @ h[t-3] + R @ s[t-2])
s[t] = V @ h[t] + sigmoid(s[t-2])
loss[t] = squared_error(y[t], s[t])
""",
    "backward": """
cell backward "both directions, the one that runs backward with two lags and fed by the other"
dims I, H, O
input x : I
target y : O
state h : H
state g : O
param U : H x I
param W : H x H
param P, Q : O x O
param V : O x H
h[t] = tanh(U @ x[t] + W @ h[t-1])
g[t] = tanh(P @ g[t+1] + Q @ g[t+2] + V @ h[t])
loss[t] = squared_error(y[t], g[t])
""",
    "mutual": """
cell mutual "three states that need each other, some within the step"
dims I, H, O
input x : I
target y : O
state a : H
state c : O
state d : I
param U : H x I
param P : H x O
param Q : O x H
param R : I x O
a[t] = tanh(U @ x[t] + P @ c[t-1])
c[t] = tanh(Q @ a[t] + Q @ a[t-2]) * 2 + c[t-1]
d[t] = sigmoid(R @ c[t-1]) * d[t-1] + U.T @ a[t-1]
loss[t] = squared_error(y[t], c[t]) + norm2(d[t])
""",
    "detached": """
cell detached "no gradient through the copy, some beside it"
dims I, H
input x : I
target y : H
state h : H
param U : H x I
param W : H x H
h[t] = tanh(U @ x[t] + W @ h[t-1] + detach(h[t-1]) * sigmoid(W @ detach(h[t-1])))
loss[t] = squared_error(y[t], h[t]) + dot(detach(h[t]), h[t])
""",
    "context": """
cell context "a context and a weight for each sequence"
dims I, H, K
input x : I
input k : K once
input w : 1 once
target y : H once
state h : H
param U : H x I
param W : H x H
param C : H x K
h[t] = tanh(U @ x[t] + W @ h[t-1] + C @ k)
q = tanh(C @ k)
e[t] = w * squared_error(y, h[t]) + dot(q, h[t])
loss = mean(e[t]) + norm2(k)
""",
    "ends": """
cell ends "absolute times, with more lags than there are steps when T is small"
dims I, H
input x : I
target y : H
state h : H
state g : H
param U : H x I
param W, R : H x H
param w : H
h[t] = tanh(U @ x[t] + W @ h[t-1] + R @ h[t-3])
g[t] = tanh(R @ g[t+2] + h[t])
e[t] = squared_error(y[t], h[t]) + dot(w, g[t])
q[t] = dot(h[t], g[t])
loss = e[T-1] + mean(q[t]) + 0.25 * sum(e[t]) + sum(e[t]) * mean(q[t])
""",
    "fast_weights": """
cell fast_weights "a matrix state"
dims I, H, O
input x : I
target y : O
state A : H x O
state h : H
param U : H x I
param W : H x H
param V : O x H
param rho : 1
h[t] = tanh(U @ x[t] + W @ h[t-1] + A[t-1] @ (V @ h[t-1]))
v[t] = tanh(V @ h[t])
A[t] = sigmoid(rho) * A[t-1] + outer(h[t], v[t]) - A[t-1] @ outer(v[t], v[t]) / 4
loss[t] = squared_error(y[t], A[t].T @ h[t])
""",
    "shared": """
cell shared "one matrix inside the recurrence, outside it and in the total, transposed in places"
dims I, H
input x : I
target y : I where sum(y) == 1
state h : H
param U : H x I
param W : H x H
h[t] = tanh(U @ x[t] + W @ h[t-1] + W.T @ tanh(U @ (U.T @ h[t-1])))
yhat[t] = softmax(U.T @ (W @ h[t]))
e[t] = cross_entropy(y[t], yhat[t])
loss = sum(e[t]) + 0.1 * norm2(W) + 0.05 * sum(U) * norm2(U) + 3
""",
    "moving_target": """
cell moving_target "a target that depends on parameters, for both fused losses"
dims I, H, O
input x : I
state h : H
param U : H x I
param W : H x H
param V, S : O x H
h[t] = tanh(U @ x[t] + W @ h[t-1])
p[t] = softmax(V @ h[t])
q[t] = softmax(S @ h[t])
r[t] = sigmoid(V @ h[t])
u[t] = sigmoid(S @ h[t])
loss[t] = cross_entropy(q[t], p[t]) + binary_cross_entropy(u[t], r[t]) + cross_entropy_with_logits(p[t], S @ h[t])
""",
    "constants": """
cell constants "numbers, sizes and fixed arrays"
dims I, H
input x : I
target y : H
state h : H
state n : 1
const tau = 0.25
const A : H x H
param U : H x I
param W : H x H
h[t] = tau * tanh(U @ x[t] + W @ h[t-1]) + (1 - tau) * (A @ h[t-1]) + ones(H) / H
n[t] = n[t-1] + 1
loss[t] = squared_error(y[t], h[t]) / n[t] ** 2 + norm2(h[t] - sum(h[t]) / H) + 2
""",
    "zero_start": """
cell zero_start "a state that starts at zero beside one that does not"
dims I, H
input x : I
target y : H
state h : H
state c : H = 0
param U : H x I
param W, P : H x H
h[t] = tanh(U @ x[t] + W @ h[t-1] + P @ c[t-2])
c[t] = h[t] * c[t-1] + h[t-1]
loss[t] = squared_error(y[t], h[t] + c[t])
""",
    "rows": """
cell rows "scalars and arrays mixed, concatenation, slices, diagonals, three factors"
dims I, H, O
input x : I
target y : O
state h : H
param W : 2*H x H + I
param D : H
param V : O x H
param s : 1
z[t] = W @ concat(h[t-1], x[t])
a[t] = sigmoid(slice(z[t], 0, H))
h[t] = a[t] * tanh(slice(z[t], H, 2*H)) * (1 - a[t]) * 3 + diag(D) @ h[t-1] + s * dot(x[t], x[t]) * h[t-1] / (2 + s)
m[t] = V @ diag(tanh(D)) @ outer(h[t], h[t]) @ diag(D) @ D
loss[t] = squared_error(y[t], m[t]) + sum(log_softmax(m[t]))
""",
    "columns": """
cell columns "softmax and its logarithm along the columns of a matrix, attention over them"
dims H, O, K
input q : O
input M : K x H once
target y : H
state h : H
param P : K x O
param R : K x H
param W : H x H
A[t] = softmax(P @ q[t] @ ones(H).T + R + outer(R @ h[t-1], h[t-1]))
J[t] = log_softmax(R + A[t] * M)
h[t] = tanh(W @ h[t-1] + (A[t] * M).T @ ones(K))
loss[t] = squared_error(y[t], h[t]) + 0.1 * dot(J[t], A[t])
""",
    "functions": """
cell functions "every elementwise function"
dims I, H
input x : I
target y : H
state h : H
param U : H x I
param W : H x H
param a : H where a > 0
z[t] = U @ x[t] + W @ h[t-1]
p[t] = relu(z[t]) + leaky_relu(z[t], 0.1) + elu(z[t]) + gelu(z[t]) + silu(z[t]) + softplus(z[t])
q[t] = sin(z[t]) * cos(h[t-1]) + abs(z[t]) * erf(h[t-1]) + maximum(z[t], h[t-1]) - minimum(z[t], 2 * h[t-1])
r[t] = exp(z[t]) + log(a) * sqrt(a) + z[t] ** 3 / (2 + h[t-1] ** 2) + z[t] ** 4 / a
h[t] = tanh(p[t] + q[t] - sigmoid(r[t]))
loss[t] = squared_error(y[t], h[t])
""",
    "classes": """
cell classes "one-hot input and target"
dims I, H, O
input x : I onehot
target y : O onehot
state h : H
param U : H x I
param W : H x H
param V : O x H
h[t] = tanh(U @ x[t] + W @ h[t-1])
yhat[t] = softmax(V @ h[t])
loss[t] = cross_entropy(y[t], yhat[t])
""",
}


def named(name: str) -> tuple[Program, dict[str, int]]:
    """A model of the table in normal form, and its sizes."""
    program = model(TEXTS[name])
    return program, {s.name: SIZES[s.name] for s in program.sizes}
