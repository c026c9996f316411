"""`python -m studio` is `evenkeel`."""

from studio.cli import main

if __name__ == "__main__":
    main()
