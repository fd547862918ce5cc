"""The policies of assignment and stealing."""
