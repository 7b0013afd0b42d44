"""Labels: names the regions of a map by the words that tell them apart.

Reads ``writing.published`` and its own last ``map.labels``, the public files of the dataset, and
nothing else; writes ``map.labels``; owns nothing: what it has to know of its last labels stands in
that event. The work is done in a process that ends when it is done, one at a time.
"""
