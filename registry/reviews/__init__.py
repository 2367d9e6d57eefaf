"""Real-name review (实名审核): the queue of what waits for a decision of this node's reviewers.

cases        opening and settling a review, inside the transaction of what it is about
reviews      the queue: read, claim, release, check, decide
deciding     which use case a decision goes to
verifiers    what an external real-name service has to offer; form_verifier is the local one, for the form only
"""
