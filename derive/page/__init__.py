"""A page that derives and judges in the browser: what runs there (`session`), and how it is built."""
