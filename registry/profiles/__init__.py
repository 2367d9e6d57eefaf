"""The full record (企业信息) of an enterprise beyond its facts.

profile      what of it is about no person
personal     contact and legal representative: masked for those who look, sealed where it lies
checks       what is wrong and what is odd about a record
validity     reminders before a certificate or licence ends
sealing_old  what older nodes kept in clear, sealed at the start
"""
