"""The node's documents (管理规范): coding rules, technical standards, rules of management and operation, by version.

documents.py   draft, publish, supersede, withdraw; what is published is everybody's to read
shipped.py     the documents and coding rules that come with the node        data/   their texts and definitions
"""
