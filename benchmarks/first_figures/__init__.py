"""How long a visitor of GPT-2 waits for the first figures of the pages that compute longest."""
