"""The external worker: claims, asks providers and stores, all at the same time.

What is claimed and not given back is in a ``Hand``.  The claimer fills it, the threads of a pool
ask the providers, and some deliverers empty it.  Claimer and deliverers have a connection each, on
which every statement is a transaction and nothing is kept from one to the next, so that a pooler
in transaction mode may stand in between.
"""
