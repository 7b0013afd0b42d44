"""Text2vec: the embedded default embedding server, text in and unit vectors out over HTTP.

A small real model ships inside the package, so that the pipeline works without network and GPU.

* Does: answers two protocols on one port, that of Weaviate's t2v-transformers containers
  (``POST /vectors``) and that of OpenAI (``POST /v1/embeddings``).
* Reads: the section ``text2vec`` of the settings, and the weights in ``adapters/weights``.
* Writes: nothing; it knows no bus and no disk.
* Owns: nothing. Every answer follows from the request and the weights alone: the same text has
  bitwise the same vector, whatever else is in its batch.

How the texts themselves are treated, in both protocols:

* A blank text (empty or only whitespace) is refused, naming its index: it has no direction.
* Every other text has a finite unit vector. One that consists of punctuation, or of nothing the
  model knows, gets a defined fallback direction (see ``adapters.static_text_encoder``).
* A lone surrogate (half of a pair, as an escape in JSON can be) becomes U+FFFD.
* A text is read up to the model's limits, which ``GET /meta`` names; the rest is left out in
  silence, as sentence-transformers does.
"""
