"""One claim, left = right: the field first, then a proof by automata, then expansion into words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import MatrixExpr, Transpose

from derive.algebra.nodes import t
from derive.algebra.text import unicode_text
from derive.errors import UnsupportedError
from derive.proof.agreement import LARGER, LATEST, WORLDS, Agreement
from derive.proof.automaton.equality import Found, decide
from derive.proof.automaton.weighted import Different, Equal
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.certificate import certificate
from derive.proof.checker import CertificateError, check
from derive.proof.coverage import full_at
from derive.proof.jumps import Found as Jump
from derive.proof.jumps import at_jumps, restated, rough
from derive.proof.verdict import Counterexample, Instance, Status, Verdict
from derive.proof.wellformed import is_delicate, is_far, may_be_undefined, reach
from derive.proof.words.expand import first_difference
from derive.proof.words.items import NotInClass
from derive.proof.words.reading import Reader

MORE = ((1, 1), (2, 0), (4, 1), (5, 2), (7, 0), (7, LARGER))  # and where no proof was found
DEEP = 3  # steps of a model's delays together, from which on T = 3 and 4 say too little
EXPANDED = 5  # the largest T that is written out in words
UNDEFINED = "no real values were found at which both sides are defined, and what is assumed holds"
DRAWS = 12  # of real numbers, where single values matter: one-hot vectors, and functions with a kink or a pole


class Case:
    """One claim."""

    def __init__(
        self,
        reader: Reader,
        agreement: Agreement,
        sides: tuple[MatrixExpr, MatrixExpr],
        budget: Budget,
        thorough: bool,
        least: int,
    ):
        self.subject, self.reader, self.agreement = agreement.subject, reader, agreement
        self.thorough, self.least = thorough, max(least, self.agreement.least)
        (self.left, self.right), self.budget = sides, budget
        self.undefined = may_be_undefined(self.subject.reading, *sides)
        self.tried: list[str] = []
        self.late = 0
        self.instances: list[Instance] = []
        self.known_sizes: dict[int, dict[str, int]] = {}

    def verdict(self) -> Verdict:
        try:
            return self._at_jumps(self._verdict())
        except OutOfBudget as limit:
            self.agreement.forget()
            return self._open(str(limit))
        except RecursionError:
            return self._open("it is nested too deeply")
        except (OverflowError, MemoryError):
            self.agreement.forget()
            return self._open("a number or a matrix is too large to be worked with")
        except ZeroDivisionError:
            return self._open("a side divides by zero, whatever the values")
        except UnsupportedError as error:
            return self._open(str(error))

    def _open(self, reason: str) -> Verdict:
        return Verdict(Status.OPEN, reason, tried=tuple(self.tried))

    def _verdict(self) -> Verdict:
        first = self.agreement.steps(WORLDS[0][0], self.left, self.right)
        for later, shift in ((first + steps - WORLDS[0][0], shift) for steps, shift in WORLDS):
            if self.agreement.vanishes(self.left, self.right, later, self._sizes(shift)):
                raise OutOfBudget("a coefficient is zero at the T and the sizes that were tried")
            if not self._agrees(later, shift):
                return self._refute(later)
        for few in range(max(1, self.least), min(first, 3)):
            if self._differ(few, 0):
                return self._refute(few)
        late = full_at(first, LATEST, self.budget.spend, self.agreement.symbols(0), self.left, self.right)
        if self.agreement.depth >= DEEP:  # what a delay of the model hides at T = 3
            late = max(late, self.agreement.steps(self.agreement.depth + 2, self.left, self.right))
            if late > LATEST:
                return self._open(f"the model's delays add up to {self.agreement.depth} steps: too far to evaluate")
            if not self._agrees(late, 1):
                return self._refute(late)
        elif late > first and self._differ(late, 1):  # what stood in sums that were empty so far
            return self._refute(late)
        if is_far(self.left) or is_far(self.right):  # where T-6 begins to matter
            far = max(late, first + max(map(reach, (self.left, self.right))))
            late = self.agreement.steps(far, self.left, self.right)
            if late <= LATEST and self._differ(late, 1):
                return self._refute(late)
        self.late = late
        least = self.least or (1 if self._differ(0, 0) else 0)
        if is_delicate(self.subject.reading, self.left, self.right):
            unlike = self._really(self.instances[:1], DRAWS)
            if unlike is not None:
                return unlike
        if self.undefined:
            self.tried.append("automata: they do not know where what is divided by, or a logarithm is of, is zero")
            return self._checked(least)
        found = self._proof(least)
        if isinstance(found, Found) and isinstance(found.result, Equal):
            if late > LATEST:
                return self._open(f"the automata are equal, but the field was not asked at T = {late}: too far")
            return self._proved(found, found.result, least)
        if isinstance(found, Found) and isinstance(found.result, Different):
            self.tried.append(f"automata: {found.word}")
            if found.T > LATEST:
                return self._open(f"the automata differ, first at T = {found.T}, too far to evaluate")
            if least <= found.T and (self._differ(found.T, 0) or self._differ(found.T, LARGER)):
                return self._refute(found.T)
        return self._checked(least)

    # The field

    def _sizes(self, shift: int) -> dict[str, int]:
        if shift not in self.known_sizes:
            self.known_sizes[shift] = self.agreement.sizes(shift, self.left, self.right)
        return self.known_sizes[shift]

    def _agrees(self, steps: int, shift: int) -> bool:
        """Exactly, and with an error that is known."""
        sizes = self._sizes(shift)
        instance = self.agreement.exact(self.left, self.right, steps, sizes, self.budget)
        if instance is not None:
            self.instances.append(instance)
        return instance is not None

    def _differ(self, steps: int, shift: int) -> bool:
        return self.agreement.differ(self.left, self.right, steps, self._sizes(shift), self.budget)

    def _refute(self, last: int) -> Verdict:
        """The least T at which the sides differ, in real numbers too."""
        for steps in range(max(1, self.least), last + 1):
            for shift in (0, 1, LARGER):
                if not self._differ(steps, shift):
                    continue
                example = self._example(steps, shift)
                if example is not None:
                    word = self._word()
                    reason = f"the sides differ at T = {steps}"
                    return Verdict(Status.REFUTED, reason, 1, counterexample=example, word=word)
        if UNDEFINED in self.tried:
            self.tried.remove(UNDEFINED)
            return self._open(UNDEFINED)
        unknown = self._open(
            "the sides differ in the field, which knows functions by their listed relations only, and agree to "
            "50 digits in real numbers"
        )
        jump = self._jumps()
        return restated(unknown, jump) if jump.example is not None else unknown

    def _example(self, steps: int, shift: int) -> Counterexample | None:
        try:
            sizes = self._sizes(shift)
            return self.agreement.counterexample(self.left, self.right, steps, sizes, self.budget)
        except ZeroDivisionError:
            if UNDEFINED not in self.tried:
                self.tried.append(UNDEFINED)
            return None

    def _really(self, instances: Sequence[Instance], draws: int = 1) -> Verdict | None:
        """Is it so in real numbers too?  A verdict if not; what was not asked for lack of time is dropped."""
        confirmed = list[Instance]()
        for i in instances:
            try:
                example = self.agreement.counterexample(self.left, self.right, i.T, i.sizes, self.budget, draws=draws)
            except ZeroDivisionError:
                return self._open(UNDEFINED)
            except OutOfBudget as limit:
                if not confirmed:
                    raise
                self.tried.append(f"real numbers: {limit}")
                break
            if example is not None:
                return Verdict(Status.REFUTED, f"the sides differ at T = {example.T}", 1, counterexample=example)
            confirmed.append(i)
        if len(instances) == len(self.instances):
            self.instances = confirmed
        return None

    def _word(self) -> str:
        found = self._proof(max(1, self.least))
        return found.word if isinstance(found, Found) else ""

    def _at_jumps(self, verdict: Verdict) -> Verdict:
        """The verdict on a claim that holds at random points, with what holds of it where functions jump."""
        if verdict.status not in (Status.PROVED, Status.CHECKED):
            return verdict
        return restated(verdict, self._jumps(verdict.status is Status.PROVED))

    def _jumps(self, proved: bool = False) -> Jump:
        if not rough(self.subject, self.left, self.right):
            return Jump()
        few, first = max(1, self.least), self.agreement.steps(WORLDS[0][0], self.left, self.right)
        places = [(steps, self._sizes(0), None) for steps in dict.fromkeys((few, first))]
        return at_jumps(self.agreement, self.left, self.right, places, self.budget, proved)

    # Proofs

    def _proof(self, least: int) -> Found | None:
        """What the automata say, of the claim or of its transpose."""
        reasons: list[str] = []
        for left, right in self._ways():
            try:
                return decide(self.reader, left, right, least, t in left.free_symbols | right.free_symbols, self.budget)
            except NotInClass as refusal:
                reasons.append(str(refusal))
        self.tried.append(f"automata: {reasons[0]}")
        return None

    def _ways(self) -> Iterator[tuple[MatrixExpr, MatrixExpr]]:
        yield self.left, self.right
        yield Transpose(self.left), Transpose(self.right)

    def _proved(self, found: Found, proof: Equal, least: int) -> Verdict:
        assumptions = tuple(sorted(found.assumptions))
        claim = {
            "model": self.subject.names.name,
            "left": unicode_text(self.left, self.subject.names),
            "right": unicode_text(self.right, self.subject.names),
            "for": f"every T ≥ {least} and all sizes",
            "assumptions": list(assumptions),
            "spelling": found.spelling,
        }
        text = certificate(found.left, found.right, proof, claim)
        try:
            check(text)
        except CertificateError as error:  # a bug of ours: say so, claim nothing
            return self._open(f"the certificate was rejected: {error}")
        reason = f"true for every T ≥ {least} and all sizes"
        return Verdict(Status.PROVED, reason, least, tuple(self.instances), certificate=text, assumptions=assumptions)

    def _checked(self, least: int) -> Verdict:
        if self.late > LATEST:
            return self._open(f"the field was not asked at T = {self.late}: too far")
        self.reader.letters.used = set(self.reader.always)
        try:
            for steps, shift in MORE if self.thorough else ():
                if steps < self.least or self.agreement.vanishes(self.left, self.right, steps, self._sizes(shift)):
                    continue
                if not self._agrees(steps, shift):
                    return self._refute(steps)
            expands = self.thorough and not self.undefined and least <= EXPANDED and self._expands(least)
        except OutOfBudget as limit:  # what was found so far stands
            self.tried.append(f"more steps and sizes: {limit}")
            expands = False
        unlike = self._really(self.instances)  # the field does not know large numbers, and what is one-hot
        if unlike is not None:
            return unlike
        if expands:
            reason = f"true for all sizes up to T = {EXPANDED}, by writing both sides out"
            assumed = tuple(sorted(self.reader.letters.used))
            return Verdict(
                Status.CHECKED,
                reason,
                least,
                tuple(self.instances),
                EXPANDED,
                tried=tuple(self.tried),
                assumptions=assumed,
            )
        places = "; ".join(map(str, self.instances))
        bits = min(i.bits for i in self.instances)
        reason = f"exact at {places}; a false equation would pass with probability below 2^-{bits}"
        stated = tuple(sorted(a.text for a in self.subject.names.assumptions))  # of the values that were drawn
        return Verdict(
            Status.CHECKED, reason, least, tuple(self.instances), tried=tuple(self.tried), assumptions=stated
        )

    def _expands(self, least: int) -> bool:
        """Are the two sides the same words at every T up to EXPANDED?"""
        free = t in self.left.free_symbols | self.right.free_symbols
        try:
            left, right = self.reader.read(self.left), self.reader.read(self.right)
            for steps in range(least, EXPANDED + 1):
                found = first_difference(self.reader, left, right, steps, free, self.budget.spend)
                if found is not None:
                    self.tried.append(f"words: they differ at T = {steps}, by a relation that words do not know")
                    return False
        except NotInClass as refusal:
            self.tried.append(f"words: {refusal}")
            return False
        return True
