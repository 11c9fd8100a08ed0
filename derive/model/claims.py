"""Claims of papers about models: files are found, and their equations judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from derive.claims import verify as room
from derive.claims.reading.stage import Stage, staged
from derive.claims.repair.repairer import SECONDS
from derive.claims.text.source import Directive, Display
from derive.claims.verify import Result, Source
from derive.errors import InputError
from derive.language import names
from derive.language.source import read_at_most
from derive.model.model import Model, load
from derive.proof.prove import Prover

LARGEST = 4_000_000  # bytes of a LaTeX file


class Paper:
    """A LaTeX file with its directives, and the models they name.

    Args:
        path: of the file; what it includes must lie in its folder or below.
        model: of the displays above the first `model` directive.
        directives: what comments above the first display would say.

    Raises:
        InputError: the file, or one that it includes, cannot be read, or a directive is not understood.
    """

    def __init__(self, path: Path, model: Model | None = None, directives: Sequence[str] = ()):
        self.path, self.folder, self.given = path, path.resolve().parent, model
        self._models: dict[str, Model] = {}
        self.sources = self._above(directives) + room.read_paper(self._text(path), path.name, self.open)

    def open(self, path: str) -> str:
        """The text of a file that the paper includes."""
        found = self.folder / path
        if not found.suffix or not found.exists():
            found = found.with_name(f"{found.name}.tex")
        if not found.resolve().is_relative_to(self.folder):
            raise InputError(r"\input", f"a file in the folder of {self.path.name}", path, "it is not followed")
        return self._text(found)

    @staticmethod
    def _text(path: Path) -> str:
        try:
            data = read_at_most(path, LARGEST)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError("paper", "a LaTeX file that can be read", f"{str(path)[:100]!r}: {reason}") from None
        if data is None:
            raise InputError("paper", f"a file of at most {LARGEST:,} bytes", f"{str(path)[:100]!r}, which is larger")
        return data.decode("utf-8", "replace")

    @classmethod
    def of_equations(cls, equations: Sequence[str], model: Model, directives: Sequence[str] = ()) -> Paper:
        """Equations without a file."""
        paper = cls.__new__(cls)
        paper.path, paper.folder, paper.given, paper._models = Path("-e"), Path.cwd(), model, {}
        displays = [Source("-e", Display(tex.strip(), f"-e:{n}", n)) for n, tex in enumerate(equations, 1)]
        paper.sources = paper._above(directives) + displays
        return paper

    def _above(self, directives: Sequence[str]) -> list[Source]:
        """Directives from elsewhere, which have to be understood."""
        staged(Stage(), directives, self.load)
        return [Source("-d", Directive(text, n)) for n, text in enumerate(directives, 1)]

    def load(self, path: str) -> Prover:
        """The model that a directive names: a .cell file beside the paper, or a name of the catalogue."""
        if path not in self._models:
            beside = self.folder / path
            if beside.resolve().is_relative_to(self.folder) and beside.is_file():
                self._models[path] = load(str(beside))
            elif path.endswith(".cell"):
                raise InputError("model", f"a .cell file in the folder of {self.path.name}", path)
            elif path in names():
                self._models[path] = load(path)
            else:
                raise InputError("model", f"a .cell file beside {self.path.name}, or a name of the catalogue", path)
        return self._models[path].prover

    def judge(
        self,
        only: frozenset[str] = frozenset(),
        progress: Callable[[], None] = lambda: None,
        repair: bool = True,
        seconds: float = SECONDS,
    ) -> list[Result]:
        """The verdict on every equation, in order.

        Args:
            seconds: of processor time, that the search for one repair may take.
        """
        given = self.given.prover if self.given is not None else None
        return list(room.verify(self.sources, self.load, given, only, progress, repair, seconds))

    @property
    def size(self) -> int:
        """How many times `progress` is called."""
        return room.displays(self.sources)
