"""Hosting (托管): whether the identifiers of a prefix are kept here, or where its enterprise answers for them itself.

hosting      asking for hosting, deciding on it, granting it
sites        a self-hosted route as values HS_SITE and HS_SITE.6; pure
routes       the route in the handle of the prefix, reported upward, and whether it can be reached
probe        one question by TCP, UDP or HTTP
snms_states  states as the SNMS interface counts them; pure
"""
