"""What the registry does for the node above: performs instructions, keeps standby records there, sends logs."""
