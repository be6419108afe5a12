"""`python -m vastmax`: the same as the command `vastmax`."""

from vastmax.cli.entry import main

if __name__ == "__main__":
    main()
