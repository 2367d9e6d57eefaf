"""Commerce (计费): quotas, usage, fee plans, orders, statements. No money is moved here.

quotas.py   how much may be registered under a prefix; counted in registry/identifiers/admission.py
usage.py    what an enterprise did, by day      pricing.py     terms and charges, pure
plans.py    fee plans that are offered          orders.py      plans that enterprises ordered
statements.py   what a month came to, drawn up once and never altered
"""
