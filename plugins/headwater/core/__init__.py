"""Pure functions: values in, values out."""
