"""`python -m aiocc`: the command line."""

from aiocc.cli import main

if __name__ == "__main__":
    main()
