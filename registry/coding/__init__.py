"""Coding rules (编码规则): how suffixes are made up, and which suffixes are of a rule.

definition.py    what a rule says, all its faults together            rule.py     compiled; a pure function
segments.py      what rules are made of                               scope.py    whom a rule of the node's is for
suffix_check.py  whether a rule could have made a suffix              check_digits.py  GS1 and ISO/IEC 7064
serials.py       numbers given out once                               draws.py    the next suffixes in bulk
rules.py         the rules of enterprises and of the node             suffix_rules.py  the rule of a prefix
registration.py  rows that need suffixes
"""
