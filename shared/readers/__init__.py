"""Files of every kind become tables of text: what a person sees in a cell, and nothing guessed.

A reader is plain code that takes an open file and yields ``parts``: how the file was recognised,
each table with its columns, its rows, the rows that cannot be read, what was passed over, and
warnings with their counts. It knows no service, no settings and no bus, so that it can run in a
process of its own; ``in_process`` starts one.
"""
