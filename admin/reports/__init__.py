"""Reports (报告): what the node says of a time, as data whose hash stands on every page, and as paper.

kinds.py           which reports there are          document.py   what a report says, as plain data
making.py          what every report says of itself, around one of
                   acceptance_report.py, operation_report.py (operation_business.py), masked_report.py,
                   statement_report.py
reports.py         the use cases: made, kept by edition, found, worked out again
schedules.py       which are made by themselves, and the steward's loop
envelope.py        as JSON, and checked again       workbook.py   as XLSX      printing.py   as PDF (layouts/)
routes.py          /v1/reports                      views.py      its answers

Only the data are kept. The three forms are made from them whenever somebody asks, and change nothing in them.
"""
