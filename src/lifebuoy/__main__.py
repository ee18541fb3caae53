"""``python -m lifebuoy`` is the command line."""

from lifebuoy.cli import main

if __name__ == "__main__":
    main()
