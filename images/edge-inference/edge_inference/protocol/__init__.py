"""What `proto/` makes: `make protocol`."""
