"""People's part: decisions on corrections, the page they are made in, what is learnt from them, and reports."""
