"""The console (控制台): pages for whoever has an account; the first client of ``/v1``, asking it from within.

The tour: ``page.py`` says what a page is, ``frame.py`` registers all pages and stands around them (who is signed in,
forms checked, refusals shown); a page gets a ``Visit`` (``visit.py``), by which it asks operations of ``/v1``
(``inside.py``) and shows templates of ``admin/templates/console``. ``menu.py`` is the menu, ``language.py`` the two
languages. Every other module is a function that returns its pages.

No page reads the database: what it shows is what an operation answered to its visitor, with the rights, checks and
refusals of that operation (ADR 0021).
"""
