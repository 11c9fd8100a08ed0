"""Is it true: at which indices it is meant, how it is judged, what is said."""
