"""What the ledger raises once it is open."""


class LedgerError(Exception):
    """The ledger did not take or give something; the line says why.

    An append that raises it has left nothing behind and may be repeated. The usual cause is a
    full disk or an exceeded quota, so the caller should pause the run rather than end it.
    """
