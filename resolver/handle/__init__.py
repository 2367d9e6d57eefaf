"""The native Handle protocol (RFC 3650 to 3652, as Handle.Net 9 and Teleinfo's programs speak it).

The bytes, which know neither sockets nor a database; everything malformed raises ``envelope.WireFault``:

    codes        operations, response codes, flags; which response code each refusal of the node is
    envelope     the first 20 bytes of a message, and the version in which it is answered
    message      header, body, credential; the reply to a request
    fields       the blocks, names and numbers that bodies are made of
    bodies       the bodies of all requests and replies
    replication  those of Handle.Net's mirrors
    credential   signatures and MACs of messages, and what they cover
    fragments    messages in several datagrams

The desk, where one message after the other becomes its replies:

    desk           from the bytes of a request to those of its replies, whatever happens between
    asked          a request while it is worked on, and what is told
    resolving      operation 1
    recursing      operation 1, for names that others answer
    site_info      operation 2
    status         0.SITE/status
    administering  operations 100 to 104, 300 and 301, done by the registry
    listing        operations 105 and 302
    verifying      operation 201
    signing        replies with the node's signature

Who is speaking:

    guard           from bytes to a message and an identity, and back
    conversation    one client, and what of his ends with his connection
    challenges      requests that wait for a proof
    proofs          whether a proof is right: public_keys (RSA, DSA), secret_keys, sm (SM2)
    sessions        sessions with a key, and those of a login
    session_setup   how a session gets its key
    session_cipher  what it does with it
    login           Teleinfo's operation 2001
    computing       threads for what takes long, shared out among sources
    neighbours      a session's messages, handed to the worker that keeps it

The ways in:

    service      all of it, for one worker
    ports        its sockets
    front        what the ways share
    tcp          connections; framing cuts their stream into messages
    udp          datagrams; reassembly puts fragments together, rate_limit and repeats bound what is answered
    http_post    messages in HTTP requests
    ready        answers that need no work
"""
