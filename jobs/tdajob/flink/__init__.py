"""The dataflow and its operators: the only package that imports PyFlink."""
