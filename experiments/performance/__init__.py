"""Speed of one generation against evosax."""
