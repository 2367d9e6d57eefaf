"""The front: before aiohttp, for whoever simply asks for a record.

``GET /api/handles/{prefix}/{suffix}`` without anything unusual is most of what a node is asked. Each connection
begins here and is answered from ready bytes or by the resolver. The first request of any other kind, or whose answer
is rarer than "found" and "there is none", takes its connection to aiohttp for good, with all that was not answered.
Both answer with the same bytes (ADR 0023).
"""
