"""Transfer of a prefix to another enterprise: offered, consented to, reviewed, done.

transfers    the use cases
handing_over what belongs to the receiver afterwards, and what of the giver ends
"""
