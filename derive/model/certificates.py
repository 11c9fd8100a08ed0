"""Certificates in files: what `check-proof` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from derive.proof.checker import CertificateError, check

LARGEST = 64 * 2**20  # bytes


@dataclass(frozen=True)
class Checked:
    """One file: the claim whose proof is right, or why it is none."""

    path: Path
    claim: dict[str, object] | None
    reason: str = ""
    unreadable: bool = False

    @property
    def ok(self) -> bool:
        return self.claim is not None

    @property
    def status(self) -> int:
        return 0 if self.ok else 2 if self.unreadable else 1

    def __str__(self) -> str:
        if self.claim is None:
            return f"{self.path}: {self.reason}"
        left, right, scope, model = (str(self.claim.get(key, "?")) for key in ("left", "right", "for", "model"))
        return f"{self.path}: the proof holds, for {scope} of {model}:\n  {left} = {right}"

    def as_json(self) -> dict[str, object]:
        return {"file": str(self.path), "ok": self.ok, "claim": self.claim, "reason": self.reason}


def check_file(path: Path) -> Checked:
    """The claim of a certificate, or why it is no proof."""
    try:
        if path.stat().st_size > LARGEST:
            return Checked(path, None, f"larger than {LARGEST >> 20} MiB", unreadable=True)
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        return Checked(path, None, f"cannot be read: {getattr(error, 'strerror', None) or error}", unreadable=True)
    try:
        return Checked(path, check(text))
    except CertificateError as error:
        return Checked(path, None, f"no proof: {error}")
