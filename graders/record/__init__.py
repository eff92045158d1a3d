"""What lasts: the ledger, the decisions in it, content keys, the data manifest, and how an assignment was proven."""
