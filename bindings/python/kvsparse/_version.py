"""The package's version, which is also that of the library it needs."""

VERSION = "0.1.0"
