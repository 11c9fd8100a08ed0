"""Cells that once went wrong, each for a reason of its own: right in every target, at the edges too."""

from __future__ import annotations

import numpy as np
import pytest

from derive.kernels.gradcheck import check
from derive.kernels.targets import PLAIN
from derive.model import parse

CELLS = {
    "binary cross-entropy that is the same at every step, of a result": (
        "cell f\ndims D\ntarget y : D once\nparam a : D\nq[t] = sigmoid(a)\nloss[t] = binary_cross_entropy(y, q[t])\n"
    ),
    "a parameter called as a status": (
        "cell demo\ninput x\nstate h\nparam demo_ok\nh[t] = tanh(demo_ok * h[t-1] + x)\nloss[t] = h[t] * h[t]\n"
    ),
    "parts of a state change places": (
        "cell a\n"
        "dims D, O\n"
        "input x : D + O\n"
        "state h : D + O\n"
        "h[t] = tanh(x[t] + concat(slice(h[t-1], D, D + O), slice(h[t-1], 0, D)))\n"
        "loss[t] = norm2(h[t])\n"
    ),
    "overlapping slices": (
        "cell a\n"
        "dims I\n"
        "input x : I\n"
        "state b : I + 1\n"
        "param f : I x I+1\n"
        "b[t] = tanh(f.T @ slice(b[t-1],0,I) + f.T @ slice(b[t-1],1,1+I) + concat(x[t],1))\n"
        "loss[t] = norm2(b[t])\n"
    ),
    "a constant called as a gradient": ("cell a\nconst dw = 0.5\ninput x\nparam w\nloss[t] = dw * (w * x[t]) ** 2\n"),
    "a constant called as a boundary value": (
        "cell a\nconst h_init1 = 0.5\ninput x\nparam w\nstate h\nh[t]=tanh(w*h[t-1]+x[t])*h_init1\nloss[t] = h[t]\n"
    ),
    "a size called as a gradient": ("cell a\ndims dw\ninput x : dw\nparam w : dw\nloss[t] = norm2(w * x[t])\n"),
    "the total before what it is made of": ("cell order\ndims H\nparam w : H\nloss = e[T-1]\ne[t] = norm2(w)\n"),
    "products of means": ("cell a\ninput r\nloss = norm2(mean(r[t])) + mean(r[t])*mean(r[t])/T**2\n"),
    "T as a factor": ("cell a\ninput x\nparam w\nloss = T * norm2(w) + sum(x[t]*w)\n"),
    "T + 1 as a divisor": (
        "cell a\ndims H\nstate h : H\ninput x : H\nh[t]=tanh(h[t-1]+x[t])\nloss = norm2(h[T-1])*(2-1/(T+1))\n"
    ),
    "one over T without a sum": (
        "cell a\n"
        "dims H\n"
        "state h : H\n"
        "input x : H\n"
        "param w : H\n"
        "h[t]=tanh(h[t-1]*w+x[t])\n"
        "loss = norm2(w)/T + norm2(h[T-1])/T\n"
    ),
    "values that are the same at every step": (
        "cell a\n"
        "dims H\n"
        "input x : H\n"
        "param w, v : H\n"
        "param W : H x H\n"
        "input c : H once\n"
        "r[t] = norm2(w)\n"
        "s[t] = dot(w,v)\n"
        "q[t] = sum(W)\n"
        "u[t] = dot(c,c)\n"
        "sm[t] = softmax(w)\n"
        "loss[t] = r[t]*s[t]*q[t]*u[t]+sum(x[t]*sm[t])\n"
    ),
    "a loss that is the same at every step": (
        "cell a\ndims H\ntarget y : H once\nparam w : H\nloss[t] = binary_cross_entropy(y, sigmoid(w))\n"
    ),
    "classes against a parameter": (
        "cell a\ndims H\ntarget y : H onehot\nparam w : H\nloss[t] = cross_entropy(y[t], softmax(w))\n"
    ),
    "binary cross-entropy of classes": (
        "cell a\n"
        "dims H\n"
        "target y : H onehot\n"
        "input x : H\n"
        "param w : H\n"
        "loss[t] = binary_cross_entropy(y[t], sigmoid(w*x[t]))\n"
    ),
    "cross-entropy of matrices": (
        "cell a\n"
        "dims H,K\n"
        "target y : H x K\n"
        "input x : H x K\n"
        "param w : H x K\n"
        "loss[t] = cross_entropy(y[t], softmax(w*x[t]))\n"
    ),
    "cross-entropy of matrices that sum to one": (
        "cell a\n"
        "dims H,K\n"
        "target y : H x K where sum(y)==1\n"
        "input x : H x K\n"
        "param w : H x K\n"
        "loss[t] = cross_entropy(y[t], softmax(w*x[t]))\n"
    ),
    "cross-entropy of matrices of logits": (
        "cell a\n"
        "dims H,K\n"
        "target y : H x K\n"
        "input x : H x K\n"
        "param w : H x K\n"
        "loss[t] = cross_entropy_with_logits(y[t], w*x[t])\n"
    ),
    "binary cross-entropy of matrices": (
        "cell a\n"
        "dims H,K\n"
        "target y : H x K\n"
        "input x : H x K\n"
        "param w : H x K\n"
        "loss[t] = binary_cross_entropy(y[t], sigmoid(w*x[t]))\n"
    ),
    "diag of a product, times a function": (
        "cell a\n"
        "dims H\n"
        "input x : H\n"
        "param w : H x H\n"
        "state h : H\n"
        "h[t] = tanh(diag(w @ h[t-1]) @ tanh(x[t]))\n"
        "loss[t]=norm2(h[t])\n"
    ),
    "diag of a product, times an input": (
        "cell a\n"
        "dims H\n"
        "input x : H\n"
        "param w : H x H\n"
        "state h : H\n"
        "h[t] = tanh(diag(w@w@x[t]) @ x[t]+h[t-1])\n"
        "loss[t]=norm2(h[t])\n"
    ),
    "relu of a state that starts at zero": (
        "cell a\n"
        "dims D\n"
        "input x : D\n"
        "param w : D x D\n"
        "state h : D = 0\n"
        "h[t] = relu(w @ h[t-1]) + x[t]\n"
        "loss[t]=norm2(h[t])\n"
    ),
    "leaky_relu at an assumed zero": (
        "cell a\n"
        "dims D\n"
        "input x : D\n"
        "param w : D x D\n"
        "state h : D where h[-1] == 0\n"
        "h[t] = leaky_relu(w @ h[t-1],0.1) + x[t]\n"
        "loss[t]=norm2(h[t])\n"
    ),
    "abs and maximum at zero": (
        "cell a\n"
        "dims D\n"
        "input x : D\n"
        "param w : D x D\n"
        "state p : D = 0\n"
        "p[t]=x[t]\n"
        "z[t] = abs(w @ p[t-1]) + maximum(w@p[t-1], 0)\n"
        "loss[t]=norm2(z[t])\n"
    ),
    "relu of zeros of a one-hot vector": (
        "cell a\ndims D\ninput x : D onehot\nparam w : D\nz[t] = relu(w*x[t])\nloss[t]=norm2(z[t])\n"
    ),
    "single steps of an input": ("cell a\ndims D\ninput x : D\nparam w : D\nloss=norm2(w * x[T-1]) + sum(x[0]*w)\n"),
    "a transpose of a transpose": (
        "cell a\ndims D\ninput x : D\nparam w : D x D\nz[t]=w.Tᵀ@x[t]\nloss[t]=norm2(z[t])\n"
    ),
}


@pytest.mark.parametrize("target", PLAIN)
@pytest.mark.parametrize("name", CELLS)
def test_it_is_right(name: str, target: str) -> None:
    report = check(parse(CELLS[name]).compile(target), sets=2)
    assert report.ok, [(q, error) for q, _, error, bound in report.rows() if not error <= bound]


@pytest.mark.parametrize("target", ["numpy", "c"])
@pytest.mark.parametrize("loss", ["norm2(W)", "norm2(h[t]) + norm2(W)", "norm2(U @ x[t]) * norm2(W)"])
def test_what_no_sequence_has_counts_once_for_each(loss: str, target: str) -> None:
    """A weight's own part of the loss: T · B times, with T and B that differ."""
    cell = "cell c\ndims I, H\ninput x : I\nstate h : H\nparam W : H x H\nparam U : H x I\n"
    made = parse(f"{cell}h[t] = tanh(W @ h[t-1] + U @ x[t])\nloss[t] = {loss} + 0 * sum(h[t])\n")
    kernel, rng = made.compile(target), np.random.default_rng(0)
    report = check(kernel, sets=3)
    assert report.ok, report
    params = {"W": rng.normal(size=(3, 3)), "U": rng.normal(size=(3, 2))}
    found = kernel.value_and_grad(params, {"x": rng.normal(size=(5, 2, 2))}, {"h": rng.normal(size=(2, 3))})
    if loss == "norm2(W)":
        assert abs(found.loss - 10 * (params["W"] ** 2).sum()) < 1e-12
        assert np.abs(found.grads["W"] - 20 * params["W"]).max() < 1e-12
