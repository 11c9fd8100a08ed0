"""Text: a file of LaTeX as displays and directives, a formula as a tree, and back."""
