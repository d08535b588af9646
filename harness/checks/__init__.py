"""The contracts of scenarios and methods as code, for tests and for `doctor`."""
