"""The writer's doors: one thin package per family of interfaces, all in front of the same use cases."""
