"""Resolution of names that other nodes answer: by asking the delegation, hop by hop.

    wanted      what is looked for
    delegation  where somebody answers: the servers of sites, and the operator's roots
    links       TCP connections to servers, few and kept for a while
    question    one question as a message, and whether a reply is the answer to it
    breaker     servers that are silent are left alone for a while
    hop         what was asked of whom, for people
    foreign     what others answer
    asking      the servers of a delegation, one after the other, within the bounds of one resolution
    walk        one resolution: from delegation to delegation to the answer
    kept        answers and routes of others, for as long as they hold
    recursion   all of it, with one walk for all who ask the same
    beyond      resolving for clients: who may, how often, and in the resolver's own words
    tracing     every step of a resolution, this node's own included
    errors      why there is no answer

None of it is asked before the node itself knows that a name is not its own.
"""
