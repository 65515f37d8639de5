"""One module per outside system; foreign errors stop here."""
