"""One shop's API over HTTP: session, adapter with retries (429, 5xx), signing, secrets, rate limit and redaction."""
