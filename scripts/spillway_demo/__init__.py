"""What `make demo` plays: a stage (cluster, market, operator), a picture of it, and a story. Standard library only."""
