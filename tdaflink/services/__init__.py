"""One module per use case: frozen values in, frozen values out."""
