"""The lasting records: the ledger, its decisions, content keys, the data manifest, and the proof of an assignment."""
