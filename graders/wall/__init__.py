"""The wall between student code and the host: the wire, its host's end, the sandboxes, and what runs inside them."""
