"""What the Handle protocol may do here: who may, on which records, and how it is written.

administration.py  the door: each operation to those below
names.py           a prefix, or an identifier                  standing.py    the records that rights are read from
permissions.py     which bits an act needs; pure               groups.py      who stands behind an HS_VLIST
authorisation.py   whether an identity has them                identities.py  the keys that prove one
accounts.py        whom history knows                          admin_keys.py  the first administrators, by command
prefix_handles.py  0.NA/…, changed and read                    prefix_record.py, store.py  what it says, and where
derived_prefixes.py  allotted, withdrawn; homed, unhomed       prefix_usage.py  whether a prefix is ours and in use
policy.py          what may be registered                      quotas.py      how much
records.py         identifiers, changed                        listing.py     identifiers, read and listed
values.py          what a template makes of values             minting.py     suffixes
"""
