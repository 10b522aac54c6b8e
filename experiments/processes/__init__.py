"""Forward processes other than the Gaussian one."""
