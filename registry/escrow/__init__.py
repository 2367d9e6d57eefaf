"""Escrow (托管): everything a node needs to go on elsewhere, in packages that only their recipient can open.

``package.py`` is the folder with its signed manifest, ``sealing_parts.py`` the encryption, ``content.py`` what is
inside, ``tables.py`` which rows go in; ``export.py``, ``verify.py``, ``restore.py``, ``deliver.py`` are the acts.
"""
