"""What any engine on other machines needs."""
