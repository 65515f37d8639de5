"""One module per built-in algorithm; `registry` imports every module it finds here."""
