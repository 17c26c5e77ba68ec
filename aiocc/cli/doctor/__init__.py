"""`aiocc doctor`: what is configured, and what of it works. It changes nothing in the contact centre."""
