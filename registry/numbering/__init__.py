"""Numbers of enterprises (企业标识前缀的号码): the node's plan, what is kept back, and the next one to give.

plan         which segments a number has; pure
allotting    the next free number, held until the transaction ends
reserved     ranges that are not given on request
numbering    the use cases of the plan
"""
