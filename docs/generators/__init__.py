"""Writes what is generated from the code: pages of docs, the reference, the dashboard, pictures.

``python -m docs.generators`` (``make readme``) writes all that a test compares with the code. The
pictures and text2vec's table are made by hand, since they need a map, or a model: a module each.
"""
