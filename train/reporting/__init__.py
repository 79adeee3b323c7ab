"""A run, or several beside each other, as one page that needs nothing else: no network, no folder.

In the order in which a page comes about: `run_log.py` reads what the run noted down, `judged.py`
asks its best checkpoint about the held-out samples, a file of `sections/` makes each section of
them, `page.py` and `assets/` the page, `write.py` the file.
"""
