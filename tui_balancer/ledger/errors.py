"""Errors of an open ledger."""


class LedgerError(Exception):
    """The ledger could not be written or read; the message says why.

    An append that raises it has left nothing behind and may be repeated. The usual cause is a
    full disk or an exceeded quota, so the caller should pause the run rather than end it.
    """
