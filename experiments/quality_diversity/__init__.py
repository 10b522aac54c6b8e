"""Quality diversity on the linear projection domains."""
