"""Where aiocc meets other libraries. Each module needs an extra of its own, and nothing else imports any of them."""
