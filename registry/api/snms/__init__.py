"""SNMS OpenAPI v3 and v5 (标识业务管理系统), as applications speak it to secondary nodes: thin translations.

routes       every endpoint with its aliases
envelope     the envelope, and the node's errors in its codes and words
said         a JSON object as a client sent it, read field by field
telling      dates, pages and texts as SNMS writes them
identity     signing in
enterprises  applications for enterprises, their records, hosted or self-hosted
record       the enterprise record in SNMS's words
prefixes     prefixes asked for by name and by page
templates    data templates; template_form: the template object
identifiers  registration, change, deletion, query; values: their value lists
"""
