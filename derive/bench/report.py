"""The figures of a run: as a table for people, as JSON for machines and for drawing."""

from __future__ import annotations

from collections.abc import Iterator

from derive.bench.bench import Bench, Case, Row, efficiency
from derive.bench.limits import Limits

UNITS = (("s", 1.0), ("ms", 1e3), ("µs", 1e6))
HEADINGS = ("", "median", "quartiles", "ratio", "GFLOP/s", "of peak", "error")


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    unit, factor = next((x for x in UNITS if seconds * x[1] >= 1), UNITS[-1])
    number = seconds * factor
    return f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2}f} {unit}"


def title(bench: Bench, case: Case, limits: Limits | None) -> str:
    """What a table is about."""
    head = f"{bench.name}, {bench.dtype}, {case.sizes.label}"
    roof = f"; roofline {duration(limits.seconds(case.work))}" if limits else ""
    return f"{head}: {case.sizes}; {case.work.flops:,} operations{roof}"


def cells(bench: Bench, case: Case, row: Row, limits: Limits | None) -> tuple[str, ...]:
    """A row of the table, under HEADINGS."""
    if row.times is None:
        return (row.peer, row.status, "", "", "", "", f"{row.error:.0e}" if row.error is not None else "")
    rate, part = efficiency(case, row, limits)
    ratio = ratio_of(bench, case, row)
    return (
        row.peer,
        duration(row.times.median),
        f"{duration(row.times.low)} – {duration(row.times.high)}",
        f"{ratio:.2f}" if ratio is not None else "–",
        f"{rate / 1e9:.3g}",
        f"{part:.1%}" if part is not None else "–",
        f"{row.error:.0e}",
    )


def ratio_of(bench: Bench, case: Case, row: Row) -> float | None:
    """The row's time over that of the baseline."""
    base = case.row(bench.baseline)
    return row.times.median / base.times.median if row.times and base and base.times else None


def notes(bench: Bench) -> Iterator[str]:
    """Why peers are not in the tables, once each."""
    seen: dict[str, None] = {}
    for case in bench.cases:
        for row in case.rows:
            if row.note:
                place = "" if row.status in ("missing", "unsupported") else f" at {case.sizes}"
                seen[f"{row.peer}: {row.status}{place}: {row.note}"] = None
    yield from seen


def as_json(bench: Bench, limits: Limits | None) -> dict[str, object]:
    """One model's figures; times in seconds."""
    return {
        "cell": bench.name,
        "dtype": bench.dtype,
        "baseline": bench.baseline,
        "cases": [
            {
                "label": case.sizes.label,
                "sizes": case.sizes.all,
                "flops": case.work.flops,
                "bytes": case.work.bytes,
                "roofline_seconds": limits.seconds(case.work) if limits else None,
                "rows": [_row(bench, case, row, limits) for row in case.rows],
            }
            for case in bench.cases
        ],
    }


def _row(bench: Bench, case: Case, row: Row, limits: Limits | None) -> dict[str, object]:
    made: dict[str, object] = {"peer": row.peer, "status": row.status, "note": row.note or None, "error": row.error}
    if row.times:
        rate, part = efficiency(case, row, limits)
        made |= {
            "median_seconds": row.times.median,
            "quartile_seconds": [row.times.low, row.times.high],
            "samples": row.times.samples,
            "ratio": ratio_of(bench, case, row),
            "flops_per_second": rate,
            "part_of_peak": part,
        }
    return made
