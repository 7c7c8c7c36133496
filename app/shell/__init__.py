"""What stands around every page: sidebar, strip, gate, links from page to page."""
