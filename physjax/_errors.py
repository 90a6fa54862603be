"""One tree of errors. Each carries the exit code of the command line."""


class PhysjaxError(Exception):
    """Base of all errors raised for the user's attention.

    The message is one sentence that says what is wrong, where, and how to mend it.
    """

    exit_code = 1


class ConfigError(PhysjaxError, ValueError):
    """A setting is unknown, of the wrong type or outside its range."""

    exit_code = 2


class DeviceError(PhysjaxError, RuntimeError):
    """A device is missing, or does not do what it should."""

    exit_code = 3


class DataError(PhysjaxError, ValueError):
    """A file or an array is not what it should be."""

    exit_code = 4


class CheckpointError(PhysjaxError, RuntimeError):
    """A checkpoint or a weights file is damaged, missing or of another model."""

    exit_code = 5


class NumericsError(PhysjaxError, ArithmeticError):
    """A computation left the finite numbers."""

    exit_code = 6
