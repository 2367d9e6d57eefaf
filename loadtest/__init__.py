"""The hammer: generated corpora, clients that check every answer, benches that print a ceiling beside our figure.

It knows identifiers, wire formats and sockets only, and sends to loopback only.
"""
