"""The external worker: claims, asks providers and stores, all at the same time.

Three threads share a ``Hand``, in which everything is that is claimed and not given back.  The
claimer fills it, the threads of a pool ask the providers, and the deliverer empties it.  Each of the
first two has a connection of its own, on which every statement is a transaction and nothing is
kept from one to the next, so that a pooler in transaction mode may stand in between.
"""
