"""A generator's run as a page, or several beside each other.

In the order in which the page comes about: `log.py` reads what the folder says, `material.py` draws
images and looks at real ones, the other files make a section each, `page.py` puts them together.
"""
