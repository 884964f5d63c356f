"""What a machine holds about the tree itself: imports, stubs, locks, sizes, words."""
