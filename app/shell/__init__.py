"""The frame of every page: sidebar, banners, gate, links from page to page."""
