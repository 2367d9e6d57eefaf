"""What the event files say about a day, beyond plain sums: what is left without repetitions, what is conspicuous.

rule.py          by what a day is digested
digest.py        the digest of a prefix or the whole node, its JSON, several made one, a day's events digested
day.py           the valid events of a day as columns, in the order in which they were answered
tally.py         these summed up by prefix
deduplication.py those that repeat nothing of the minute before
flags/           one file for each kind of conspicuous events
sketch.py        how many different ones there were, roughly, in 16 KiB
latency.py       times to the answer in buckets      tops.py   the most asked, and how evenly all were
"""
