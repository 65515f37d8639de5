"""What the doctor looks at: one function for each thing, in the module of the part that it is about."""
