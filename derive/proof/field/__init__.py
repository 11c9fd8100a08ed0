"""The truth that no rule touches: exact evaluation in a finite field, and in real arithmetic."""
