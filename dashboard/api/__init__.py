"""HTTP: translating between requests and what operations do; no rules of its own."""
