"""Inequalities between norms: found by rules, written down as certificates, checked by a checker that finds nothing."""
