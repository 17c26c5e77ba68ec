"""Small programs that use the package within others: web backends, bots, a job of cron's. Each is run by its test."""
