"""The package as it is built and installed. `pytest -m packaging`; each test makes environments of its own."""
