"""The lab: builds real guests, breaks them, and sees whether they boot. Not part of the product."""
