"""Statistics and masked data (脱敏数据) for a city authority, at regular times (定期上传).

masks      what a value becomes before it leaves: pure
profiles   which fields go, under which masks: data files
content    what there is to say of a period, masked
periods    which periods are due
sending    one upload, one answer
uploads    the use cases, and the steward's loop
routes     /v1/uploads
"""
