"""The upper side of the interface: what a node does for those that dock to it from below.

Two users: the secondary node for its enterprise nodes (``/docking``), and the mock national node. Read in this order:

    exchange.py        one exchange: who asks, what is asked, what is answered, and how a refusal reads
    desk.py            the paths, one transaction for each request, and who is kept waiting for news
    authentication.py  whose request it is: signature, nonce, client certificate
    keys.py            key pairs: issued, succeeded without a gap, revoked
    applications.py    applications for access (接入申请), from arrival to the key pair
    delivery.py        messages: each once, in order             reports.py     what their bodies hold
    effects.py         what they change in the tables            counts.py      days, hours and minutes, as stated
    verdicts.py        verification asked, decided, told         instructions.py  orders, and their answers
    news.py            waiting without a connection              management.py  lists, for pages and operators
    openapi.py         the interface as an OpenAPI document

``node.national`` is the lower side; both share the shapes and the signature.
"""
