"""Equations of books and papers: read as they are printed, judged, repaired."""
