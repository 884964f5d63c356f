"""`python -m weir_cli` is `weir`."""

from weir_cli.main import main

if __name__ == "__main__":
    main()
