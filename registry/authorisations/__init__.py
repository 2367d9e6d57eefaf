"""Authorisation of data (数据授权): who besides its owner reads and writes which attributes of identifiers.

application_identities.py  applications with a handle of their own      groups.py   several of them under one handle
scopes.py                  what the public reads                        grants.py   what identities and groups may
reading.py                 what an account sees of an identifier        told.py     notices to those granted
"""
