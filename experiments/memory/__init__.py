"""What HADES's memory buys, and where it hurts."""
