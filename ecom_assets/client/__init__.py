"""One shop's API over HTTP: session, signing, retries, rate limit, responses and redaction."""
