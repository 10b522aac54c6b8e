"""The paper's control table as published, and a fair one beside it."""
