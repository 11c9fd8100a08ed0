"""The catalogue: `.cell` files, data only.  `derive.language.catalogue` reads it."""
