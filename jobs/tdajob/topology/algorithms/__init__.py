"""Built-in algorithms, one module each; `registry` imports every module of this package."""
