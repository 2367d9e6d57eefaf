"""The IDHub interface: what programs written for an enterprise node speak, on this node's use cases."""
