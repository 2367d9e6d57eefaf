"""The demo: a whole laboratory node with real products, told as a story that ends in a table.

story.py      what happens, step by step, through the node's public interface only
workload.py   the invented enterprises and the files they register
data          products.csv, bad_rows.csv, enterprises.json (README.md names sources and licences)
"""
