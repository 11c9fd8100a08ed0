"""Certificates in files: what `check-proof` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from derive.errors import visible
from derive.language.source import read_at_most
from derive.proof.checker import CertificateError, check
from derive.proof.inequality import certificate as inequality

LARGEST = 16 * 2**20  # bytes


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
        if "relation" in self.claim:
            return self._inequality(self.claim)
        claim = {key: visible(str(self.claim[key])) for key in ("left", "right", "for", "model")}
        assumed = "".join(f"\n  assumed: {visible(str(a))}" for a in self.claim["assumptions"])  # type: ignore[attr-defined]
        said = f"the two automata are equal. They stand, it says, for {claim['for']} of {claim['model']}, for"
        return f"{self.path}: the proof holds, {said}\n  {claim['left']} = {claim['right']}{assumed}"

    def _inequality(self, given: dict[str, object]) -> str:
        claim = {key: visible(str(given[key])) for key in ("left", "relation", "right", "for", "model")}
        said = f"the rules lead from side to side. They stand, it says, for {claim['for']} of {claim['model']}, for"
        taken = "".join(f"\n  taken for granted: {visible(str(a))}" for a in given["assumptions"])  # type: ignore[attr-defined]
        return f"{self.path}: the proof holds, {said}\n  {claim['left']} {claim['relation']} {claim['right']}{taken}"

    def as_json(self) -> dict[str, object]:
        return {"file": str(self.path), "ok": self.ok, "claim": self.claim, "reason": self.reason}


def check_file(path: Path) -> Checked:
    """The claim of a certificate, or why it is no proof."""
    try:
        content = read_at_most(path, LARGEST)
        if content is None:
            return Checked(path, None, f"larger than {LARGEST >> 20} MiB", unreadable=True)
        text = content.decode("utf-8")
    except (OSError, ValueError) as error:
        return Checked(path, None, f"cannot be read: {getattr(error, 'strerror', None) or error}", unreadable=True)
    try:
        return Checked(path, (inequality.check if inequality.FORMAT in text[:200] else check)(text))
    except CertificateError as error:
        return Checked(path, None, f"no proof: {error}")
