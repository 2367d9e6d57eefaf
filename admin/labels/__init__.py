"""Labels (标签): identifiers as QR and Data Matrix codes, one by one or in sheets to print.

content.py   what a code says: the identifier, its address, or what GS1 makes of it (gs1.py)
symbol.py    the code of a text, as dark and light modules      drawing.py   a code as SVG and PNG
layouts.py   sheets and rolls      sheet.py   many labels as a PDF
selection.py which identifiers     labels.py  the use cases      routes.py   ``/v1/labels``
"""
