"""Coding rules (编码规则): how suffixes are made up.

definition.py    what a rule says, all its faults together            rule.py     compiled; a pure function
check_digits.py  GS1 and ISO/IEC 7064                                 serials.py  numbers given out once
rules.py         the rules an enterprise keeps                        registration.py  rows that need suffixes
"""
