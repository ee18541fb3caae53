"""Package managers, one file each: what is installed, which file is whose, and files put back."""
