"""Moving identifiers in from another node, through the interface that its own clients use.

peer.py           one HTTP conversation: bounded answers, patience, no redirects
signed_in.py      a token that is renewed when the other node no longer knows it
snms.py, idhub.py the two interfaces, as a client sees them
handles_file.py   which identifiers to ask SNMS for, which cannot list them
wanted.py         an identifier to ask for, and the times it has there
workplace.py      the directory that keeps what was fetched, and the problems
from_snms.py      fetching from SNMS, and its templates here
from_idhub.py     fetching from IDHub; idhub_metadata.py: its metadata and files here
target.py         what a template over there is here; rows by attribute
sending.py        the rows of the directory, registered or restored
"""
