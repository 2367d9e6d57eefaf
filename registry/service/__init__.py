"""What the node owes its users besides registration: answers to requests and complaints, and announcements.

requests       service requests (服务请求) and complaints (投诉) of enterprises, and what staff does about them
complaints     complaints of people without an account
stored         a request and its entries as they are kept
announcements  what the node tells everybody
"""
